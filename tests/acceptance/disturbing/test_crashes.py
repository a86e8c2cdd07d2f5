"""Every program and every add-on pod of a region dies once while callers send; the region comes back by itself.

What the callers saw is written to out/times.json; whose death they must not notice is asserted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.command_line import ended
from tests.acceptance.edge_client import load
from tests.acceptance.running_platform import MODELS, Running, wait_for
from tests.root import ROOT
from tidegate.embedded.fleet.region import NODE_FOLDER
from tidegate.embedded.machines.facts import SupervisedPrograms
from tidegate.facts.inventory.read import read_fact

IN_EVERY_RUN = {"etcd", "kubelet", "kube-proxy", "activator", "argocd-application-controller", "istiod"}
"""The others die in `make soak`: all of them take ten minutes."""

REGION, MODEL = "live-1", "fraud/scorer"

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION])]
RecordProperty = Callable[[str, object], None]

PROGRAMS = sorted(read_fact(ROOT, Path(NODE_FOLDER) / "programs.yaml", SupervisedPrograms).programs)

ON_THE_WAY = ("edge-istio", "knative-local-istio")
"""Single gateways here (production runs three of each): while they are away nobody can be answered."""

ADD_ONS = [
    ("argocd", "argocd-application-controller"),
    ("argocd", "argocd-redis"),
    ("argocd", "argocd-repo-server"),
    ("istio-ingress", "edge-istio"),
    ("istio-ingress", "knative-local-istio"),
    ("istio-system", "istio-cni-node"),
    ("istio-system", "istiod"),
    ("karpenter", "karpenter"),
    ("knative-serving", "activator"),
    ("knative-serving", "autoscaler"),
    ("knative-serving", "controller"),
    ("knative-serving", "net-gateway-api-controller"),
    ("knative-serving", "webhook"),
    ("kserve", "kserve-controller-manager"),
    ("kube-system", "coredns"),
    ("monitoring", "kube-state-metrics"),
    ("monitoring", "prometheus"),
    ("vault", "vault"),
]


def pods(running: Running) -> dict[str, tuple[str, str, bool]]:
    """Add-on pods of the real node by name: namespace, workload and whether they are ready."""
    found: dict[str, tuple[str, str, bool]] = {}
    for pod in running.read(REGION, "pods", "--all-namespaces")["items"]:
        metadata, owner = pod["metadata"], pod["metadata"]["ownerReferences"][0]
        if (
            metadata["namespace"].startswith("tenant-")
            or not pod["spec"].get("nodeName", "").startswith(REGION)
            or "deletionTimestamp" in metadata
        ):
            continue
        workload = owner["name"].rpartition("-")[0] if owner["kind"] == "ReplicaSet" else owner["name"]
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
        found[metadata["name"]] = (metadata["namespace"], workload, ready)
    return found


def test_no_add_on_is_forgotten_here(platform: Running) -> None:
    assert {(namespace, workload) for namespace, workload, _ in pods(platform).values()} == set(ADD_ONS)


@pytest.mark.parametrize("program", [one if one in IN_EVERY_RUN else pytest.param(one, marks=pytest.mark.soak) for one in PROGRAMS])
def test_killed_program_is_started_anew_and_no_caller_notices(platform: Running, record_property: RecordProperty, program: str) -> None:
    before = platform.supervised(REGION)[program]
    assert before.state == "RUNNING", f"{program} is {before.state}: {before.problem}"
    with load(platform, REGION, MODEL, per_second=5, callers=2) as seen:
        time.sleep(1)
        platform.inside(REGION, "kill", "-9", str(before.pid))

        def look() -> tuple[str, int]:
            now = platform.supervised(REGION)[program]
            return now.state, now.pid

        again = wait_for(f"{program} runs again", look, lambda now: now[0] == "RUNNING" and now[1] != before.pid, 90, 0.3)
        live = platform.wait_until_live(REGION)
        time.sleep(2)  # callers who were on their way when it died
    record_property("running_after_seconds", again)
    record_property("live_after_seconds", round(again + live, 2))
    record_property("callers", seen.told())
    assert seen.sent
    assert not seen.bad, f"callers noticed the death of {program}: {seen.told()}"


def test_region_whose_api_server_does_not_answer_keeps_its_rows_as_unknown(platform: Running) -> None:
    server = platform.supervised(REGION)["kube-apiserver"]
    platform.inside(REGION, "kill", "-STOP", str(server.pid))
    try:
        code, printed = ended("status", "--json")
    finally:
        platform.inside(REGION, "kill", "-CONT", str(server.pid))
    models = [one for one in json.loads(printed)["models"] if one["region"] == REGION]
    platform.wait_until_live(REGION)
    assert code == 1
    assert {one["name"] for one in models} == {reference for region, reference in MODELS if region == REGION}
    assert {(one["known"], one["ready"], one["problem"]) for one in models} == {
        (False, False, f"unknown: the API server of {REGION} does not answer")
    }


@pytest.mark.parametrize(
    ("namespace", "workload"), [one if one[1] in IN_EVERY_RUN else pytest.param(*one, marks=pytest.mark.soak) for one in ADD_ONS]
)
def test_deleted_add_on_pod_comes_back(platform: Running, record_property: RecordProperty, namespace: str, workload: str) -> None:
    before = {
        name: platform.read(REGION, f"pod/{name}", f"--namespace={namespace}")["metadata"]["uid"]
        for name, one in pods(platform).items() if one[:2] == (namespace, workload)
    }  # fmt: skip
    assert before, f"{namespace} has no pod of {workload}"
    with load(platform, REGION, MODEL, per_second=5, callers=2) as seen:
        time.sleep(1)
        platform.cluster(REGION).run("delete", "pod", *before, f"--namespace={namespace}", "--wait=false", "--grace-period=0", "--force")

        def look() -> list[str]:
            ready = [name for name, one in pods(platform).items() if one == (namespace, workload, True)]
            return [
                name for name in ready
                if platform.read(REGION, f"pod/{name}", f"--namespace={namespace}")["metadata"]["uid"] not in before.values()
            ]  # fmt: skip

        record_property("ready_after_seconds", wait_for(f"{namespace}/{workload} is ready again", look, bool, 120))
    record_property("callers", seen.told())
    if workload not in ON_THE_WAY:
        assert not seen.bad, f"callers noticed the death of {workload}: {seen.told()}"


def test_region_is_live_and_answers_after_all_these_deaths(platform: Running, record_property: RecordProperty) -> None:
    record_property("live_after_seconds", platform.wait_until_live(REGION))
    for reference in ("fraud/scorer", "credit/decision", "merchants/anomaly", "assistant/chat"):

        def look(reference: str = reference) -> int:
            return platform.ask(REGION, reference).status

        wait_for(f"{reference} answers", look, lambda status: status == 200, 90, 1)
