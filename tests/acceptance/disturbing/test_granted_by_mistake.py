"""A role that a tenant is granted by mistake is seen by those who look for one."""

from __future__ import annotations

import pytest

from tests.acceptance.access_review import Account, Question
from tests.acceptance.running_platform import REGIONS, Running, wait_for
from tests.acceptance.wanted_access import is_wanted

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(regions=[REGIONS[-1]])]


def test_role_that_is_granted_by_mistake_turns_a_cell_red(platform: Running) -> None:
    """A neighbour's account is let at a tenant's Secrets for a moment, once by rule and once by question."""
    region, place, account = REGIONS[-1], "tenant-scoring", Account("tenant-fraud", "fraud-serving")
    question = Question(account.user, "list", "", "secrets", place)
    cluster, name = platform.cluster(region), "e2e-granted-by-mistake"
    with platform.api(region) as api:
        try:
            cluster.run("create", "role", name, f"--namespace={place}", "--verb=list", "--resource=secrets")
            subject = f"--serviceaccount={account.namespace}:{account.name}"
            cluster.run("create", "rolebinding", name, f"--namespace={place}", f"--role={name}", subject)
            wait_for("the grant is seen", lambda: api.is_allowed(account, question), bool, 20)
            rules, _ = api.rules(account, place)
            assert any(rule.grants(question) for rule in rules)
            assert not is_wanted(account, question)
            assert not any(rule.grants(question) for rule in api.rules(account, "tenant-credit")[0])
        finally:
            cluster.run("delete", "rolebinding,role", name, f"--namespace={place}", "--ignore-not-found")
        wait_for("the grant is gone", lambda: api.is_allowed(account, question), lambda yes: not yes, 20)
