"""A new version is judged beside the one that serves: a good one passes, a slow one fails for being slow, and nothing of either stays."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.access_review import Account
from tests.acceptance.judged_change import RecordProperty, judged, left
from tests.acceptance.pull_request import fix_replicas, propose, publish
from tests.acceptance.running_platform import Running, wait_for
from tidegate.checkout import Checkout
from tidegate.facts import names
from tidegate.gates.verdict import Outcome

REGION, MODEL = "live-1", "fraud/scorer"
OTHER_REGION, OTHER = "live-2", "scoring/fraud-shadow"
"""The same estimator elsewhere, so that both gates run at the same time."""

pytestmark = pytest.mark.timeout(1300)


def services(platform: Running, namespace: str) -> list[Any]:
    return platform.read(REGION, "inferenceservices", f"--namespace={namespace}")["items"]


def attacks(platform: Running) -> dict[str, tuple[int, str]]:
    """What somebody else gets who creates in the candidate's namespace, and the candidate's own account with other bytes; by who tried."""
    namespace = names.tenant_namespace("fraud-gate")
    wait_for("the candidate is applied", lambda: services(platform, namespace), lambda seen: len(seen) == 1, 300, 1)
    there: Any = services(platform, namespace)[0]
    metadata: dict[str, Any] = {key: there["metadata"][key] for key in ("labels", "annotations")}
    other: dict[str, Any] = {
        "apiVersion": there["apiVersion"], "kind": there["kind"], "spec": there["spec"],
        "metadata": metadata | {"name": there["metadata"]["name"], "namespace": namespace},
    }  # fmt: skip
    foreign = json.loads(json.dumps(other).replace("fraud-gate/scorer/", "fraud/scorer/"))
    path = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices?dryRun=All"
    own = Account(namespace, names.deploy_service_account("fraud-gate"))
    others = [Account(names.tenant_namespace(name), names.deploy_service_account(name)) for name in ("fraud", "credit")]
    with platform.api(REGION) as api:
        tried = {
            one.user: api.request("POST", path, other, user=one.user)
            for one in (*others, Account(names.tenant_namespace("fraud"), "default"))
        }
        tried["files of the tenant"] = api.request("POST", path, foreign, user=own.user)
    return {who: (status, str(answer.get("message", ""))) for who, (status, answer) in tried.items()}


@pytest.mark.touches(regions=[REGION], tenant="fraud")
def test_good_version_passes_every_gate_and_nobody_else_creates_where_it_is(
    platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty
) -> None:
    fix_replicas(copy, MODEL)  # the scale gate has a test of its own, of four minutes
    commit = propose(copy, MODEL, 2, publish("fraud/scorer/2", "fraud/scorer/2"))
    with ThreadPoolExecutor(1) as beside:
        judging = beside.submit(judged, commit, REGION, tmp_path / "kept", record_property)
        tried = attacks(platform)
        found = judging.result()
    record_property("attacks", tried)
    assert {status for status, _ in tried.values()} <= {403, 422}, tried
    assert all("cannot create resource" in said for who, (_, said) in tried.items() if who != "files of the tenant"), tried
    assert "denied request" in tried["files of the tenant"][1], tried
    by_files = [one for one in found.manifest.gates if not one.subject]
    assert {one.gate: one.outcome for one in by_files} == {one.gate: Outcome.PASS for one in by_files}
    assert found.gate("golden-set").outcome is Outcome.PASS, found.verdict("golden-set").lines()
    load = found.verdict("load")
    # On a machine that has other work nothing is proved of the model, and nothing against it either.
    assert load.outcome in {Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.INVALID}, load.lines()
    assert "embedded profile, no evidence for production" in load.notes
    assert found.manifest.outcome is load.outcome
    assert left(platform, REGION) == []
    assert platform.ask(REGION, MODEL).status == 200


@pytest.mark.touches(regions=[OTHER_REGION], tenant="scoring")
def test_slow_version_fails_for_being_slow(platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    commit = propose(copy, OTHER, 3, publish(f"{OTHER}/3", f"{OTHER}/3-slow"))
    found = judged(commit, OTHER_REGION, tmp_path / "kept", record_property)
    assert found.gate("golden-set").outcome is Outcome.PASS, found.verdict("golden-set").lines()
    load = found.verdict("load")
    (slow,) = (one for one in load.reasons if one.subject == OTHER and one.text.startswith("p99_ms"))
    assert slow.outcome is Outcome.FAIL, load.lines()
    assert slow.text.startswith("p99_ms does not hold: ")
    assert load.outcome in {Outcome.FAIL, Outcome.INVALID}, load.lines()
    assert found.exit_code != 0
    assert left(platform, OTHER_REGION) == []


@pytest.mark.touches(regions=[REGION], asks=[], alone=False)
def test_version_that_its_tenant_did_not_sign_comes_to_no_region(copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    found = judged(
        propose(copy, MODEL, 4, publish("fraud/scorer/4", "fraud/scorer/2", signed=False)), REGION, tmp_path / "kept", record_property
    )
    assert found.gate("signature").outcome is Outcome.FAIL
    assert "signature" in found.verdict("signature").lines()[1]
    asking = {one.gate: one.said for one in found.manifest.gates if one.subject}
    assert asking == {"golden-set": "skipped", "load": "skipped", "scale": "skipped"}
    assert found.exit_code == 1
