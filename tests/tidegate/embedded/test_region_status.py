"""Status tells what a region really serves, also while it comes up, goes down, or half of it is missing."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.live.canned_cluster import (  # fmt: skip
    FIRST,
    PARTS,
    ROOT,
    SECOND,
    CannedCluster,
    Object,
    application,
    condition,
    inference_service,
    make,
    node,
    platform,
    pod,
    revision,
)
from tidegate.checkout import Checkout
from tidegate.cli.screen import Screen
from tidegate.cli.serving import models_of, show_regions
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.region import read_addresses
from tidegate.embedded.region_status import RegionState, read_region, read_regions
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import look, look_up
from tidegate.live.observed import Application, InferenceService, Node
from tidegate.live.observed_pods import Pod
from tidegate.live.served import observe
from tidegate.live.states import ApplicationState, ModelState

KUBECTL = """#!/bin/sh
# Stands for kubectl: an API server that knows nodes and pods, and no add-on yet.
shift
echo "$*" >> "$CALLS"
case "$*" in
  *--raw=/readyz*) printf ok ;;
  *inferenceservices*|*applications*)
    case "$*" in *applications*) kind=applications ;; *) kind=inferenceservices ;; esac
    echo "error: the server doesn't have a resource type \\"$kind\\"" >&2; exit 1 ;;
  *nodes*) cat "$NODES" ;;
  *) echo '{"kind": "List", "items": []}' ;;
esac
"""


def models(*objects: Object, unknown: tuple[str, ...] = ()) -> dict[str, ModelState]:
    observed = observe(CannedCluster(objects, unknown=unknown), platform(), "live-1")
    assert observed is not None
    return {one.name: one for one in observed[2]}


def applications(*objects: Object) -> dict[str, ApplicationState]:
    observed = observe(CannedCluster(objects), platform(), "live-1")
    assert observed is not None
    return {one.name: one for one in observed[1]}


def shares(*traffic: tuple[str, int, str]) -> Object:
    entries = [{"revisionName": name, "percent": percent, **({"tag": tag} if tag else {})} for name, percent, tag in traffic]
    return inference_service(components={"predictor": {"latestCreatedRevision": SECOND, "latestReadyRevision": FIRST, "traffic": entries}})


def test_ready_model_with_its_url_version_replicas_and_traffic() -> None:
    found = models(shares((FIRST, 100, "")), pod(ready=True), pod("scorer-2"), node(), revision())["fraud/scorer"]
    assert found == ModelState(
        name="fraud/scorer", region="live-1", url="https://fraud.live-1.models.example.com/scorer", version="1", wanted_version="1",
        runtime="mlserver-lightgbm", instead_of="", replicas=2, ready_replicas=1, ready=True, executed=True, traffic={FIRST: 100},
        restarts=0, out_of_memory_at="", given_up=(), problem="",
    )  # fmt: skip


def test_share_of_a_revision_by_name_and_by_tag_is_added_up_and_nothing_is_left_out() -> None:
    assert models(shares((FIRST, 60, ""), (FIRST, 40, "prev"), (SECOND, 0, "latest")))["fraud/scorer"].traffic == {FIRST: 100}


def test_every_model_in_git_is_listed_before_anything_is_applied() -> None:
    found = models()
    assert set(found) == {"assistant/chat", "credit/decision", "fraud/scorer", "merchants/anomaly", "scoring/batch", "scoring/fraud-shadow"}
    assert {one.problem for one in found.values()} == {"not applied yet"}


def test_model_on_cpu_names_the_accelerator_it_does_without() -> None:
    found = models()["assistant/chat"]
    assert (found.runtime, found.instead_of, found.executed, found.execution) == ("ngram", "nvidia-l4", True, "CPU instead of nvidia-l4")


def test_gpu_model_without_a_cpu_way_is_scheduled_only() -> None:
    found = models()["scoring/batch"]
    assert (found.executed, found.execution) == (False, "scheduled, not executed")


def test_model_whose_pods_are_on_pretended_nodes_is_scheduled_only() -> None:
    found = models(inference_service(), pod(ready=True, at="fake-1"), node("fake-1", fake=True))["fraud/scorer"]
    assert (found.executed, found.ready_replicas) == (False, 1)


def test_pods_that_leave_or_have_ended_are_no_replicas() -> None:
    leaving = pod("scorer-0", ready=True, metadata={"deletionTimestamp": "2026-11-21T12:00:00Z"})
    assert models(inference_service(), leaving, pod("scorer-1", status={"phase": "Failed"}))["fraud/scorer"].replicas == 0


LOAD_FAILED = {"lastFailureInfo": {"exitCode": 1, "reason": "ModelLoadFailed", "message": "INFO copying\nERROR No model found\n"}}


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        pytest.param(inference_service(ready=None), "not judged yet", id="nothing-said"),
        pytest.param(inference_service(ready=None, modelStatus=LOAD_FAILED), "ModelLoadFailed (exit code 1): ERROR No model found", id="not-loaded"),
        pytest.param(
            inference_service(ready=False, conditions=[condition("PredictorReady", False, "", "short"), condition("X", False, "", "Revision failed: no image")]),
            "Revision failed: no image", id="condition",
        ),
        pytest.param(
            inference_service(ready=False, conditions=[condition("PredictorReady", False, "", "failed"), condition("X", None, "", "still waiting for it")]),
            "failed", id="failed-before-waiting",
        ),
        pytest.param(inference_service(ready=None, conditions=[condition("PredictorReady", None, "", "waiting\nfor pods")]), "waiting for pods", id="waits"),
        pytest.param(
            make("serving.kserve.io/v1beta1", "InferenceService", "scorer", metadata={"labels": PARTS, "deletionTimestamp": "2026-11-21T12:00:00Z"},
                 status={"conditions": [condition("Ready", True)]}),
            "is being deleted", id="leaves",
        ),
        pytest.param(make("serving.kserve.io/v1beta1", "InferenceService", "scorer", spec=None, status=None), "not judged yet", id="nulls"),
    ],
)  # fmt: skip
def test_why_a_model_is_not_ready(service: Object, problem: str) -> None:
    found = models(service)["fraud/scorer"]
    assert (found.ready, found.problem) == (False, problem)


def test_application_tells_what_was_refused() -> None:
    failed = {"kind": "InferenceService", "name": "scorer", "status": "SyncFailed", "message": "spec.predictor:\n Required value"}
    operation = {
        "phase": "Failed",
        "message": "one object failed",
        "syncResult": {"resources": [failed, {"status": "Synced", "message": "applied"}]},
    }
    found = applications(application(sync="OutOfSync", operationState=operation))["tenant-fraud"]
    assert (found.is_live, found.problem) == (False, "InferenceService scorer: spec.predictor: Required value; one object failed")


def test_application_that_differs_names_the_objects() -> None:
    resources = [{"kind": "ConfigMap", "name": name, "status": "OutOfSync"} for name in "abcde"]
    found = applications(application(sync="OutOfSync", resources=[*resources, {"kind": "Secret", "name": "s", "status": "Synced"}]))
    assert found["tenant-fraud"].problem == "differ from Git: ConfigMap a, ConfigMap b, ConfigMap c and 2 more"


def test_live_application_has_no_problem_whatever_happened_before() -> None:
    found = applications(application(conditions=[condition("OrphanedResourceWarning", None, "", "one orphan")]))["tenant-fraud"]
    assert (found.is_live, found.problem) == (True, "")


def test_kinds_of_add_ons_that_are_not_there_yet_leave_the_rest() -> None:
    found = models(node(), unknown=("inferenceservices.serving.kserve.io", "applications.argoproj.io"))
    assert found["fraud/scorer"].problem == "not applied yet"


def test_api_server_that_does_not_answer_gives_nothing() -> None:
    assert observe(CannedCluster([], down=True), platform(), "live-1") is None


def test_api_server_that_goes_away_while_asked_gives_nothing() -> None:
    class Leaving(CannedCluster):
        def is_ready(self) -> bool:
            return True

    assert observe(Leaving([], down=True), platform(), "live-1") is None


def test_an_object_that_is_not_as_promised_does_not_hide_the_others() -> None:
    broken = make("serving.kserve.io/v1beta1", "InferenceService", "broken", status={"conditions": "soon"})
    assert models(broken, inference_service())["fraud/scorer"].ready


def test_status_takes_three_calls() -> None:
    cluster = CannedCluster([node()])
    observe(cluster, platform(), "live-1")
    assert len(cluster.state["calls"]) == 3


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubernetes:
    """A real process in kubectl's place."""
    program, nodes = tmp_path / "kubectl", tmp_path / "nodes.json"
    program.write_text(KUBECTL)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    nodes.write_text(json.dumps({"kind": "List", "items": [node(), node("fake-1", fake=True)]}))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("NODES", str(nodes))
    return Kubernetes(program, tmp_path / "kubeconfig")


def test_region_that_just_started_is_read_through_kubectl(kubectl: Kubernetes, tmp_path: Path) -> None:
    observed = observe(kubectl, platform(), "live-1")
    assert observed is not None
    nodes, none_yet, all_models = observed
    assert ([one.metadata.name for one in nodes], none_yet, len(all_models)) == (["fake-1", "live-1-node-1"], (), 6)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert "get nodes,applications.argoproj.io,inferenceservices.serving.kserve.io --all-namespaces --output=json --chunk-size=0" in calls
    assert (
        "get pods,revisions.serving.knative.dev --all-namespaces --selector=serving.kserve.io/inferenceservice --output=json --chunk-size=0"
        in calls
    )
    assert "get nodes --all-namespaces --output=json --chunk-size=0" in calls


def test_one_look_holds_several_kinds() -> None:
    seen = look(CannedCluster([application(), node("b"), node("a"), inference_service()]), [Node, Application, InferenceService])
    assert [one.metadata.name for one in seen.of(Node)] == ["a", "b"]
    assert [len(seen.of(kind)) for kind in (Application, InferenceService, Pod)] == [1, 1, 0]


def test_objects_looked_up_by_name_may_be_missing() -> None:
    cluster = CannedCluster([application()])
    assert look_up(cluster, [(Application, "tenant-fraud")], namespace="argocd").named(Application, "tenant-fraud") is not None
    assert look_up(cluster, [(Application, "tenant-none")], namespace="argocd").objects == ()


def test_regions_that_do_not_run_are_down(tmp_path: Path) -> None:
    local = Local(Checkout(tmp_path), platform(), read_addresses(Checkout(ROOT)))
    for state, name in zip(read_regions(local, {"kubectl": Path("never-asked")}), ("live-1", "live-2"), strict=True):
        assert replace(state, models=()) == RegionState(name, False, False, {}, {}, 0.0, (), ())
        assert {(one.known, one.ready, one.problem) for one in state.models} == {
            (False, False, f"unknown: the machine of {name} does not run")
        }
    assert read_region(local, "live-1", {"kubectl": Path("never-asked")}).waiting_for == ["API server"]


def region(**changes: Any) -> RegionState:
    cpu = ModelState(
        "assistant/chat", "live-1", "https://assistant.live-1.models.example.com/chat", "1", "1", "ngram", "nvidia-l4", 1, 1, True, True,
        {FIRST: 90, SECOND: 10}, 0, "", (), "",
    )  # fmt: skip
    scheduled = ModelState("scoring/batch", "live-1", "https://x/batch", "1", "1", "torchserve", "", 1, 1, False, False, {}, 0, "", (), "")
    unready = ApplicationState("tenant-fraud", "OutOfSync", "Healthy", "differ from Git: Gateway edge")
    state: dict[str, Any] = {
        "name": "live-1", "running": True, "api_ready": True, "nodes": {"live-1-node-1": True}, "fake_nodes": {"f": False},
        "memory_gib": 2.25, "applications": (unready,), "models": (cpu, scheduled),
    }  # fmt: skip
    return RegionState(**{**state, **changes})


def test_region_waits_for_applications_but_not_for_what_is_scheduled_only() -> None:
    assert region().waiting_for == ["tenant-fraud"]


def test_what_a_region_waits_for_is_told_with_its_reason() -> None:
    starting = replace(region().models[0], ready=False, problem="ModelLoadFailed (exit code 1): no such file")
    assert region(nodes={}, models=(starting,)).told == [
        "node", "tenant-fraud (OutOfSync, Healthy: differ from Git: Gateway edge)",
        "assistant/chat (ModelLoadFailed (exit code 1): no such file)",
    ]  # fmt: skip
    assert region(api_ready=False).told == ["API server"]


def test_region_without_its_node_waits_for_it() -> None:
    assert region(nodes={}, applications=()).waiting_for == ["node"]
    assert region(nodes={"live-1-node-1": False}, applications=()).waiting_for == ["live-1-node-1"]


def test_tables_tell_regions_applications_and_models(capsys: pytest.CaptureFixture[str]) -> None:
    show_regions(Screen(), [region()])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for expected in (
        "live-1 running ready 1/1 0/1 2.25 GiB", "tenant-fraud live-1 OutOfSync Healthy differ from Git: Gateway edge", "CPU instead of",
        "scheduled, not", f"{FIRST}: 90 %", f"{SECOND}: 10 %",
    ):  # fmt: skip
        assert expected in shown


def test_json_lists_every_key_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=True).answer({"models": models_of([region()])})
    first = json.loads(capsys.readouterr().out)["models"][0]
    assert list(first) == [
        "name", "region", "url", "version", "wanted_version", "runtime", "instead_of", "replicas", "ready_replicas", "ready", "executed", "traffic",
        "restarts", "out_of_memory_at", "given_up", "problem", "known",
    ]  # fmt: skip


def test_table_tells_the_version_that_answers_and_what_was_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    killed = replace(region().models[1], wanted_version="2", restarts=3, out_of_memory_at="2026-11-21T11:54:12Z")
    show_regions(Screen(), [region(models=(killed,))])
    shown = capsys.readouterr().out
    for expected in ("1 (2 wanted)", "restarts: 3", "OOMKilled"):
        assert expected in shown
