"""A rule has one id. Those that are in `tidegate/manifests/rules` and in `policies` say the same about the same objects.

`test_cases.py` sends each case of a policy to the API server, which judges by its own CEL; here the same case goes through the
rule for rendered files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.policies.cases import FILES, Case, object_of, read_case
from tests.policies.test_cases import case_id
from tidegate.errors import Finding
from tidegate.manifests import policy_files
from tidegate.manifests.placed import Placed
from tidegate.manifests.rules import RULES

BY_NAME = {rule.__name__.replace("_", "-"): rule for rule in RULES}
POLICIES = {path.parent.name for path in policy_files.POLICIES.glob("*/policy.yaml")}
IN_BOTH = frozenset({
    "forbid-argo-cd-hooks", "forbid-canary-percent", "forbid-host-access", "forbid-shared-hosts", "limit-gpu-pods", "require-approved-images",
    "require-immutable-model", "require-pinned-runtimes", "require-resources",
})  # fmt: skip

_BUCKET = "which bucket and which tenant's folder is right are facts of the cluster and labels of the namespace"
_NOT_RENDERED = "a field or annotation that nothing here renders; the API server judges it for those who write objects by other ways"
_HOSTS = "which host is whose tenant's is a fact of the cluster"
_QUOTA = "the quota is another object"
_BY_KNATIVE = "Knative makes this kind in the cluster; it is no file"
OTHERWISE = {
    "forbid-canary-percent/allow-finalizer-taken-off-a-model-that-goes": "no file holds an object that is being deleted",
    "forbid-shared-hosts/deny-host-of-another-tenant": _HOSTS,
    "forbid-shared-hosts/deny-region-itself": _HOSTS,
    "forbid-shared-hosts/deny-second-route-of-another-tenant": "which host is whose tenant's is a fact of the cluster",
    "forbid-shared-hosts/deny-second-route-of-a-host": _HOSTS,
    "forbid-shared-hosts/deny-ingress-of-another-tenant": _BY_KNATIVE,
    "limit-gpu-pods/deny-gpu-of-no-quota-at-all": _QUOTA,
    "limit-gpu-pods/deny-gpu-without-quota": _QUOTA,
    "require-immutable-model/deny-internal-annotation": _NOT_RENDERED,
    "require-immutable-model/deny-no-uri": _BUCKET,
    "require-immutable-model/deny-old-model-server": _NOT_RENDERED,
    "require-immutable-model/deny-other-bucket": _BUCKET,
    "require-immutable-model/deny-other-region": _BUCKET,
    "require-immutable-model/deny-other-tenant": _BUCKET,
    "require-immutable-model/deny-storage-beside-uri": _NOT_RENDERED,
    "require-immutable-model/deny-storage-uri-in-environment": _NOT_RENDERED,
    "require-immutable-model/deny-storage-uri-of-companion": _NOT_RENDERED,
    "require-immutable-model/deny-volume": _BUCKET,
    "require-immutable-model/deny-web-address": _BUCKET,
    "require-pinned-runtimes/deny-unknown-format": "the formats are in clusters/components/serving/runtimes.py, which the library cannot import",
    "require-resources/allow-pod-with-defaults-of-the-namespace": "the API server has filled in the namespace's defaults before it judges",
}
"""Cases that a file's rule judges in another way, and why."""

SHARED = [path for path in FILES if path.parent.parent.name in IN_BOTH]


def findings_about(policy: str, manifest: Mapping[str, Any]) -> list[Finding]:
    return list(BY_NAME[policy](Placed("one.yaml", manifest)))


def agrees(case: Case, findings: list[Finding]) -> bool:
    said = {f"{finding.problem}; {finding.remedy}" for finding in findings}
    return not said if case.message is None else case.message in said


def test_an_id_is_in_both_only_where_it_is_one_rule() -> None:
    assert BY_NAME.keys() & POLICIES == IN_BOTH


@pytest.mark.parametrize("path", SHARED, ids=case_id)
def test_file_is_judged_as_by_the_api_server(path: Path, tree: Mapping[str, dict[str, Any]]) -> None:
    case, policy = read_case(path), path.parent.parent.name
    findings = findings_about(policy, object_of(case, tree))
    assert {finding.rule for finding in findings} <= {policy}
    assert agrees(case, findings) == (case_id(path) not in OTHERWISE), [str(finding) for finding in findings]


def test_every_case_that_is_judged_otherwise_is_there() -> None:
    assert OTHERWISE.keys() <= {case_id(path) for path in SHARED}


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_policy_says_what_is_wrong_and_what_to_do(policy: str) -> None:
    """Also those with facts in their sentences."""
    for sentence in policy_files.sentences(policy):
        assert sentence.problem
        assert sentence.remedy


@pytest.mark.parametrize("policy", sorted(IN_BOTH))
def test_every_sentence_of_a_finding_is_a_policys(policy: str, tree: Mapping[str, dict[str, Any]]) -> None:
    """No case makes the rule say what its policy does not say, or leaves a fact out of it."""
    every = {
        f"{finding.problem}; {finding.remedy}" for path in SHARED for finding in findings_about(policy, object_of(read_case(path), tree))
    }
    told = {case.message for path in SHARED if path.parent.parent.name == policy for case in [read_case(path)] if case.message}
    assert every
    assert every <= told
