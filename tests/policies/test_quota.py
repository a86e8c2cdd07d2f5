"""Who asks for more than the tenant has left is told what was asked for, what is taken and what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.admission_server import ApiServer
from tests.policies.cases import Case, object_of
from tests.policies.tenant_objects import with_status
from tidegate.facts.platform import Platform
from tidegate.live.refusals import Refused, refusal

CARD = "nvidia.com/mig-1g.10gb"


@pytest.mark.apiserver
def test_quota_breach_names_what_is_left(api: ApiServer, tree: Mapping[str, dict[str, Any]], platform: Platform) -> None:
    quota = tree["tenants/credit/resourcequota-quota"]
    hard = quota["spec"]["hard"]
    assert hard[f"requests.{CARD}"] == "7"
    api.must_apply(quota)
    with_status(api, quota, used={**dict.fromkeys(hard, "0"), f"requests.{CARD}": "6"})
    pod = object_of(Case(base="pod"), tree)
    assert api.create(pod, dry_run=True).code == 201, "one card is left, and one is asked for"
    amounts = pod["spec"]["containers"][0]["resources"]
    amounts["requests"][CARD] = amounts["limits"][CARD] = "2"
    answer = api.create(pod, dry_run=True)
    with_status(api, quota)
    assert answer.code == 403
    told = f"exceeded quota: quota, requested: requests.{CARD}=2, used: requests.{CARD}=6, limited: requests.{CARD}=7"
    assert told in answer.message
    cause = refusal(Refused(platform.tenants["credit"], "decision"), answer.message)
    assert cause
    assert f"requested: requests.{CARD}=2, used: requests.{CARD}=6, limited: requests.{CARD}=7" in cause.text
    assert cause.next_step.startswith(f"raise quota.accelerators[{CARD}], or lower models.decision.accelerator.count or ")
