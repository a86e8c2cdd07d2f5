"""Break-glass: what an exemption lets in, for how long, and that it is in the audit log."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.admission import policies, policy_exemptions
from tests.admission_server import Answer, ApiServer
from tests.policies.tenant_objects import UNFENCED
from tidegate.errors import FindingsError
from tidegate.facts.platform import Platform

POLICY = "forbid-secret-settings"
MESSAGE = "the setting is secret"
TEXT = f"""
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {POLICY}
  annotations: {{tidegate.dev/reason: to be exempt from, tidegate.dev/refuses: one setting}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}}]
  variables: [{{name: data, expression: "object.?data.orValue({{}})"}}]
  validations: [{{expression: "!('secret' in variables.data)", message: {MESSAGE}}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {POLICY}}}
spec: {{policyName: {POLICY}, validationActions: [Deny, Audit]}}
"""
ENTRY = {
    "policy": POLICY, "cluster": "live-1", "namespace": UNFENCED, "name": "urgent-*", "who": "on-call@example.com",
    "reason": "INC0042: settings of the vendor",
}  # fmt: skip


def checkout(folder: Path, *, begun: timedelta | None = None, **changes: str) -> Path:
    """A folder with one policy, and one exemption of an hour unless `begun` is None."""
    (folder / "policies" / POLICY).mkdir(parents=True, exist_ok=True)
    (folder / "policies" / POLICY / "policy.yaml").write_text(TEXT, encoding="utf-8")
    entries: list[dict[str, str]] = []
    if begun is not None:
        granted = datetime.now(UTC) - begun
        times = {"granted": granted.isoformat(timespec="seconds"), "until": (granted + timedelta(hours=1)).isoformat(timespec="seconds")}
        entries.append({**ENTRY, **times, **changes})
    (folder / policy_exemptions.EXEMPTIONS).write_text(json.dumps({"exemptions": entries}), encoding="utf-8")
    return folder


def config_map(name: str, value: str = "secret") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": UNFENCED}, "data": {value: "1"}}


def put_in_force(api: ApiServer, platform: Platform, root: Path, probe: dict[str, Any], *, admitted: bool) -> Answer:
    for manifest in policies.objects(platform, platform.clusters["live-1"], root):
        api.must_apply(cast("dict[str, Any]", manifest))
    deadline = time.monotonic() + 60
    while ((answer := api.apply(probe, dry_run=True)).code < 400) != admitted and time.monotonic() < deadline:
        time.sleep(0.2)
    assert (answer.code < 400) == admitted, answer.message
    return answer


@pytest.fixture
def removed(bare_api: ApiServer) -> Any:
    yield
    for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        bare_api.request("DELETE", f"/apis/admissionregistration.k8s.io/v1/{kind}/{POLICY}")


@pytest.mark.apiserver
@pytest.mark.usefixtures("removed")
def test_exemption_lets_in_what_it_names_until_its_end_and_is_logged(bare_api: ApiServer, platform: Platform, tmp_path: Path) -> None:
    urgent = config_map("urgent-one")
    answer = put_in_force(bare_api, platform, checkout(tmp_path), urgent, admitted=False)
    assert answer.message.endswith(f"denied request: {MESSAGE}")

    put_in_force(bare_api, platform, checkout(tmp_path, begun=timedelta(minutes=1)), urgent, admitted=True)
    assert bare_api.create(urgent).code == 201
    assert bare_api.create(config_map("ordinary")).code == 422, "an exemption of one object let another in"
    assert bare_api.create({**urgent, "metadata": {"name": "urgent-two", "namespace": "tenant-credit"}}).code == 422
    assert bare_api.apply({**urgent, "data": {"secret": "2"}}).code == 200

    [logged] = {
        event["annotations"][f"{POLICY}/exempt"]
        for event in bare_api.audit_events()
        if event["objectRef"].get("name") == "urgent-one" and f"{POLICY}/exempt" in event.get("annotations", {})
    }
    assert logged == "on-call@example.com INC0042: settings of the vendor"

    put_in_force(bare_api, platform, checkout(tmp_path, begun=timedelta(hours=2)), config_map("urgent-three"), admitted=False)
    assert bare_api.apply({**urgent, "data": {"secret": "3"}}).code == 422, "what was let in stays, but cannot be changed any more"
    assert bare_api.apply({**urgent, "data": {"plain": "3"}}).code == 200


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        pytest.param(
            {"until": "2030-01-01T00:00:00Z"},
            "does not end within 72 hours of its granting; choose an end after it and within 72 hours [exemption-too-long]",
            id="for-ever",
        ),
        pytest.param({"policy": "forbid-nothing"}, "no policy forbid-nothing; name a folder of policies/ [policy-unknown]", id="unknown-policy"),
        pytest.param({"approved": "yes"}, "policies/exemptions.yaml: exemptions[0].approved", id="unknown-key"),
        pytest.param({"name": "*"}, "policies/exemptions.yaml: exemptions[0].name = *", id="everything"),
        pytest.param({"who": "somebody"}, "policies/exemptions.yaml: exemptions[0].who = somebody", id="nobody"),
    ],
)  # fmt: skip
def test_exemption_is_refused(changes: dict[str, str], finding: str, platform: Platform, tmp_path: Path) -> None:
    root = checkout(tmp_path, begun=timedelta(0), **changes)
    with pytest.raises(FindingsError) as refused:
        list(policies.objects(platform, platform.clusters["live-1"], root))
    assert finding in str(refused.value)
