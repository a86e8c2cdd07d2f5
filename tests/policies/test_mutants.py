"""Each part of the policies that guard releases is there for a case: without it, that case is judged otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clusters.components.admission import policies
from clusters.components.admission.policy_groups import Document
from tests.policies.cases import FILES, Case, read_case
from tests.policies.mutants import mutated, shortened
from tests.policies.verdicts import Verdict, cases_of, is_asked, judged, question
from tidegate.facts.platform import Platform

GUARDS = (
    "forbid-canary-percent", "forbid-deleted-knative-services", "forbid-foreign-knative-routes", "forbid-foreign-releases", "forbid-foreign-status",
    "forbid-names-of-routes", "forbid-reused-revision-names", "forbid-unreleased-files", "limit-release-traffic",
)  # fmt: skip
EQUIVALENT = {
    ("forbid-foreign-releases", "variables[1] without request.operation == 'UPDATE'"): "a new Release has a spec and nothing before it",
    ("limit-release-traffic", "matchConditions[2] without request.operation == 'CREATE'"): "a new Route without a spec has no users",
}
"""What can be left out and changes nothing: it spares the reader a thought about what is not there."""


@pytest.fixture(scope="module")
def by_name(platform: Platform) -> dict[str, tuple[Document, Document]]:
    return {pair[0]["metadata"]["name"]: pair for pair in policies.by_folder(platform, platform.clusters["live-1"])}


def is_as_expected(case: Case, asked: Mapping[str, Any], verdict: Verdict) -> bool:
    """As `test_cases.py` asks the API server: let in, or refused with this message. What cannot be evaluated is refused with another."""
    if verdict.errors:
        return False
    said = {asked["policy"]["spec"]["validations"][index]["message"] for index in (verdict.refused if is_asked(asked) else ())}
    return not said if case.message is None else case.message in said


def questions(policy: Document, binding: Document, tree: Mapping[str, dict[str, Any]]) -> Iterator[tuple[Path, Case, dict[str, Any]]]:
    for path in cases_of(FILES, policy["metadata"]["name"]):
        case = read_case(path)
        yield path, case, question(policy, binding, case, tree)


@pytest.mark.apiserver
@pytest.mark.parametrize("name", GUARDS)
def test_every_part_is_there_for_a_case(
    name: str, program: Path, by_name: Mapping[str, tuple[Document, Document]], tree: Mapping[str, dict[str, Any]]
) -> None:
    policy, binding = by_name[name]
    whole = list(questions(policy, binding, tree))
    mutants = list(mutated(policy["spec"]))
    asked = [each for _, _, each in whole]
    asked += [{**each, "policy": {**policy, "spec": spec}} for _, spec in mutants for _, _, each in whole]
    verdicts = judged(program, asked)
    assert [
        path.stem for (path, case, each), verdict in zip(whole, verdicts, strict=False) if not is_as_expected(case, each, verdict)
    ] == []
    survived: set[tuple[str, str]] = set()
    for number, (left_out, _) in enumerate(mutants, start=1):
        of_mutant = slice(number * len(whole), (number + 1) * len(whole))
        found = zip(whole, asked[of_mutant], verdicts[of_mutant], strict=True)
        if all(is_as_expected(case, each, verdict) for (_, case, _), each, verdict in found):
            survived.add((name, left_out))
    assert survived == {one for one in EQUIVALENT if one[0] == name}


@pytest.mark.apiserver
@pytest.mark.parametrize("name", GUARDS)
def test_every_validation_refuses_something_that_no_other_does(
    name: str, program: Path, by_name: Mapping[str, tuple[Document, Document]], tree: Mapping[str, dict[str, Any]]
) -> None:
    policy, binding = by_name[name]
    verdicts = judged(program, [each for _, case, each in questions(policy, binding, tree) if case.message])
    alone = {verdict.refused[0] for verdict in verdicts if len(verdict.refused) == 1}
    assert alone == set(range(len(policy["spec"]["validations"])))


def test_every_operand_is_left_out_once() -> None:
    assert dict(shortened("a in [x, 'y, z']")) == {"x": "a in [ 'y, z']", "'y, z'": "a in [x]"}
    found = dict(shortened("a || !(b && c) ? d.all(x, x == 'p || q' || e) : [f && g].size() > 1"))
    assert found == {
        "a": " !(b && c) ? d.all(x, x == 'p || q' || e) : [f && g].size() > 1",
        "!(b && c)": "a  ? d.all(x, x == 'p || q' || e) : [f && g].size() > 1",
        "b": "a || !( c) ? d.all(x, x == 'p || q' || e) : [f && g].size() > 1",
        "c": "a || !(b ) ? d.all(x, x == 'p || q' || e) : [f && g].size() > 1",
        "x == 'p || q'": "a || !(b && c) ? d.all(x, e) : [f && g].size() > 1",
        "e": "a || !(b && c) ? d.all(x, x == 'p || q' ) : [f && g].size() > 1",
        "f": "a || !(b && c) ? d.all(x, x == 'p || q' || e) : [ g].size() > 1",
        "g": "a || !(b && c) ? d.all(x, x == 'p || q' || e) : [f ].size() > 1",
    }
