"""Rules of RBAC are read as the authorizer reads them."""

from __future__ import annotations

from tests.acceptance.access_review import Question, Rule


def test_rule_is_read_as_the_authorizer_reads_it() -> None:
    question = Question("any", "create", "", "pods/exec", "tenant-credit")

    def rule(verb: str, group: str, resource: str) -> Rule:
        return Rule(frozenset({verb}), frozenset({group}), frozenset({resource}), frozenset())

    for grants in (rule("create", "", "pods/exec"), rule("*", "*", "*"), rule("create", "*", "*/exec"), rule("*", "", "pods/exec")):
        assert grants.grants(question), grants
    for refuses in (rule("create", "", "pods"), rule("get", "", "pods/exec"), rule("create", "apps", "pods/exec"), rule("*", "*", "*/log")):
        assert not refuses.grants(question), refuses
