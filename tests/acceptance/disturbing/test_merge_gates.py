"""A new version is judged beside the one that serves: a good one passes, a slow one fails for being slow, and nothing of either stays."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.access_review import Account
from tests.acceptance.command_line import ended
from tests.acceptance.pull_request import propose, publish
from tests.acceptance.running_platform import Running, wait_for
from tidegate.checkout import Checkout
from tidegate.facts import names

REGION, MODEL = "live-1", "fraud/scorer"

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION], tenant="fraud")]
RecordProperty = Callable[[str, object], None]


def judged(commit: str, record: RecordProperty) -> dict[str, Any]:
    started = time.monotonic()
    _, printed = ended("gate", "pr", "--base", "HEAD", "--head", commit, "--region", REGION, "--json")
    record("seconds", round(time.monotonic() - started))
    answer: dict[str, Any] = json.loads(printed)
    record(
        "gates",
        {f"{one['gate']} {one['subject']}".strip(): [one["said"], *(each["text"] for each in one["reasons"])] for one in answer["gates"]},
    )
    return answer


def found(answer: dict[str, Any], gate: str) -> Any:
    return next(one for one in answer["gates"] if one["gate"] == gate)


def left(platform: Running) -> list[str]:
    """What is left of a candidate."""
    kinds = "namespaces,applications.argoproj.io,appprojects.argoproj.io"
    there = platform.cluster(REGION).run("get", kinds, "--all-namespaces", "--output=name").split()
    return [one for one in there if one.endswith("fraud-gate")]


def attacks(platform: Running) -> dict[str, tuple[int, str]]:
    """What somebody else gets who creates in the candidate's namespace, and the candidate's own account with other bytes; by who tried."""
    namespace = names.tenant_namespace("fraud-gate")
    wait_for("the candidate is applied", lambda: services(platform, namespace), lambda seen: len(seen) == 1, 300, 1)
    there: Any = services(platform, namespace)[0]
    metadata: dict[str, Any] = {key: there["metadata"][key] for key in ("labels", "annotations")} | {
        "name": "another",
        "namespace": namespace,
    }
    other: dict[str, Any] = {"apiVersion": there["apiVersion"], "kind": there["kind"], "metadata": metadata, "spec": there["spec"]}
    foreign = json.loads(json.dumps(other).replace("fraud-gate/scorer/", "fraud/scorer/"))
    path = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices?dryRun=All"
    own = Account(namespace, names.deploy_service_account("fraud-gate"))
    others = [Account(names.tenant_namespace(name), names.deploy_service_account(name)) for name in ("fraud", "credit")]
    with platform.api(REGION) as api:
        tried = {
            account.user: api.request("POST", path, other, user=account.user)
            for account in (*others, Account(names.tenant_namespace("fraud"), "default"))
        }
        tried["files of the tenant"] = api.request("POST", path, foreign, user=own.user)
    return {who: (status, str(answer.get("message", ""))) for who, (status, answer) in tried.items()}


def services(platform: Running, namespace: str) -> list[Any]:
    return platform.read(REGION, "inferenceservices", f"--namespace={namespace}")["items"]


def test_good_version_passes_every_gate_and_nobody_else_creates_where_it_is(
    platform: Running, copy: Checkout, record_property: RecordProperty
) -> None:
    commit = propose(copy, MODEL, 2, publish("fraud/scorer/2", "fraud/scorer/2"))
    with ThreadPoolExecutor(1) as beside:
        judging = beside.submit(judged, commit, record_property)
        tried = attacks(platform)
        answer = judging.result()
    record_property("attacks", tried)
    assert {status for status, _ in tried.values()} <= {403, 422}, tried
    assert all("cannot create resource" in said for who, (_, said) in tried.items() if who != "files of the tenant"), tried
    assert "catalogue" in tried["files of the tenant"][1], tried
    by_files = [one for one in answer["gates"] if not one["subject"]]
    assert {one["gate"]: one["outcome"] for one in by_files} == {one["gate"]: "pass" for one in by_files}
    assert found(answer, "golden-set")["outcome"] == "pass"
    load = found(answer, "load")
    # On a machine that has other work nothing is proved of the model, and nothing against it either.
    assert load["outcome"] in {"pass", "inconclusive", "invalid"}, load["reasons"]
    assert "embedded profile, no evidence for production" in load["notes"]
    assert left(platform) == []
    assert platform.ask(REGION, MODEL).status == 200


def test_slow_version_fails_for_being_slow(platform: Running, copy: Checkout, record_property: RecordProperty) -> None:
    answer = judged(propose(copy, MODEL, 3, publish("fraud/scorer/3", "fraud/scorer/3-slow")), record_property)
    assert found(answer, "golden-set")["outcome"] == "pass"
    load = found(answer, "load")
    reasons = {one["subject"]: one for one in load["reasons"] if "p99_ms" in one["text"]}
    assert reasons[MODEL]["outcome"] == "fail", load["reasons"]
    assert "p99_ms does not hold" in reasons[MODEL]["text"]
    assert load["outcome"] in {"fail", "invalid"}
    assert answer["outcome"] != "pass"
    assert left(platform) == []


def test_version_that_its_tenant_did_not_sign_comes_to_no_region(copy: Checkout, record_property: RecordProperty) -> None:
    answer = judged(propose(copy, MODEL, 4, publish("fraud/scorer/4", "fraud/scorer/2", signed=False)), record_property)
    assert found(answer, "signature")["outcome"] == "fail"
    assert [one["said"] for one in answer["gates"] if one["subject"]] == ["skipped"] * len(
        [one for one in answer["gates"] if one["subject"]]
    )
