"""The platform is live as its inventory says, and tells so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.command_line import tidegate
from tests.acceptance.running_platform import EXECUTED, MODELS, REGIONS, SCHEDULED, TIDEGATE, Running, model_of, wait_for
from tests.root import ROOT
from tidegate import tools
from tidegate.embedded.region_status import RegionState
from tidegate.facts.embedded import served_here
from tidegate.live.states import SCHEDULED_ONLY

pytestmark = [pytest.mark.timeout(3600), pytest.mark.touches(asks=[])]

REPLACED = {"platform-gpu-pools": "platform-gpu-pools-kwok"}
"""Nodes come from KWOK here, in production from EC2."""

NOT_HERE = {"platform-cpu-pools", "add-on-external-dns", "add-on-gpu-operator"}
"""A region has one real node for what needs no card, and no card for an operator to look after."""

ONLY_HERE = ("root", "add-on-coredns")
"""The Application of Applications is bootstrapped in production too; cluster DNS is an EKS add-on there."""


def expected_applications(region: str) -> list[str]:
    files = (ROOT / "gitops" / "rendered" / region / "delivery").glob("application-*.yaml")
    in_production = [path.stem.removeprefix("application-") for path in files]
    return sorted({*ONLY_HERE, *(REPLACED.get(name, name) for name in in_production if name not in NOT_HERE)})


APPLICATIONS = [(region, name) for region in REGIONS for name in expected_applications(region)]


class States(dict[str, RegionState]):
    """Each region's state, read when it is first asked for."""

    def __init__(self, platform: Running) -> None:
        super().__init__()
        self._platform = platform

    def __missing__(self, region: str) -> RegionState:
        return self.setdefault(region, self._platform.state(region))


@pytest.fixture(scope="module")
def states(platform: Running) -> States:
    return States(platform)


@pytest.fixture(scope="module")
def status(platform: Running) -> Any:  # noqa: ARG001 - it must be up
    return json.loads(tidegate("status", "--json"))


@pytest.mark.parametrize("region", REGIONS)
def test_region_is_ready_with_its_real_node(states: States, region: str) -> None:
    state = states[region]
    assert (state.running, state.api_ready) == (True, True), f"{region}: machine runs {state.running}, API server ready {state.api_ready}"
    assert state.nodes == {f"{region}-node-1": True}


@pytest.mark.parametrize("region", REGIONS)
def test_nodes_that_kwok_pretends_are_ready_and_called_fake(platform: Running, region: str) -> None:
    for where, reference in SCHEDULED:
        if where == region:
            platform.schedule(region, reference)

    def look() -> dict[str, bool]:
        return dict(platform.state(region).fake_nodes)

    wait_for(f"{region} has fake nodes, all ready", look, lambda nodes: bool(nodes) and all(nodes.values()), 60)


@pytest.mark.parametrize(("region", "name"), APPLICATIONS)
def test_application_is_synced_and_healthy(platform: Running, states: States, region: str, name: str) -> None:
    found = next((one for one in states[region].applications if one.name == name), None)
    assert found, f"{region} has no Application {name}; it has {[one.name for one in states[region].applications]}"
    if not found.is_live:  # a busy machine may just have healed something: that must pass soon

        def look() -> tuple[str, ...]:
            return tuple(f"{one.sync}, {one.health}: {one.problem}" for one in platform.state(region).applications if one.name == name)

        wait_for(f"{name} of {region} is applied and well", look, lambda seen: seen == ("Synced, Healthy: ",), 90, 2)


@pytest.mark.parametrize("region", REGIONS)
def test_no_application_is_there_that_nobody_names(states: States, region: str) -> None:
    assert {one.name for one in states[region].applications} == {name for where, name in APPLICATIONS if where == region}


@pytest.mark.touches(regions=REGIONS, asks=[])  # one answer about both
@pytest.mark.parametrize(("region", "reference"), MODELS)
def test_status_tells_each_model(status: Any, region: str, reference: str) -> None:
    found = [one for one in status["models"] if (one["region"], one["name"]) == (region, reference)]
    assert len(found) == 1, f"status lists {reference} of {region} {len(found)} times"
    (told,) = found
    tenant, model = model_of(reference)
    host = tenant.host_in(f"{region}.models.example.com")
    assert told["url"] == f"https://{host}/{reference.split('/')[1]}"
    assert told["version"] == told["wanted_version"] == served_here(model).uri.rpartition("/")[2]
    assert told["ready"] is True, told["problem"]
    assert told["executed"] is ((region, reference) in EXECUTED)
    assert isinstance(told["replicas"], int)
    assert sum(told["traffic"].values()) == 100, f"traffic of {reference}: {told['traffic']}"


@pytest.mark.parametrize(("region", "reference"), SCHEDULED)
def test_model_for_a_gpu_alone_is_scheduled_on_a_pretended_node(platform: Running, region: str, reference: str) -> None:
    nodes = set(platform.schedule(region, reference))
    fake = set(platform.state(region).fake_nodes)
    assert nodes, f"no pod of {reference} in {region}"
    assert nodes <= fake, f"pods of {reference} are on {nodes}, pretended are {fake}"


@pytest.mark.parametrize(("region", "reference"), SCHEDULED)
def test_model_for_a_gpu_alone_is_told_as_not_executed(states: States, region: str, reference: str) -> None:
    (told,) = [one for one in states[region].models if one.name == reference]
    assert (told.executed, told.execution) == (False, SCHEDULED_ONLY)


@pytest.mark.parametrize(("region", "reference"), [one for one in EXECUTED if model_of(one[1])[1].accelerator])
def test_model_on_cpu_is_told_with_the_accelerator_it_does_without(states: States, region: str, reference: str) -> None:
    _, model = model_of(reference)
    assert model.accelerator
    (told,) = [one for one in states[region].models if one.name == reference]
    assert told.execution == f"CPU instead of {model.accelerator.accelerator}"


@pytest.mark.usefixtures("platform")
def test_status_says_what_is_simulated_in_its_table() -> None:
    printed = tools.run([TIDEGATE, "status"], cwd=ROOT, env={"COLUMNS": "300"}).stdout
    assert "CPU instead of nvidia-l4" in printed
    assert SCHEDULED_ONLY in printed


@pytest.mark.parametrize("reference", sorted({reference for _, reference in MODELS}))
def test_explanation_walks_to_the_node_and_finds_no_fault(platform: Running, reference: str) -> None:
    for region in (region for region, scheduled in SCHEDULED if scheduled == reference):
        platform.schedule(region, reference)  # nobody asks it, so it may be at zero
    printed = tidegate("model", "explain", reference, "--json")
    rows = [row for row in json.loads(printed) if ".live." in row["path"]]
    causes = {row["path"].split(".")[0]: row["value"] for row in rows if row["path"].endswith(".cause")}
    assert set(causes) == set(REGIONS), f"explain says nothing of {reference} in {set(REGIONS) - set(causes)}"
    for region, cause in causes.items():
        if (region, reference) in EXECUTED:
            # A test before may have ended a server within the hour, which is told and is no fault.
            assert cause in {"", "scaled to zero, which is fine"} or cause.startswith("ready, but container "), (
                f"{reference} in {region}: {cause}"
            )
        else:
            assert cause.startswith(SCHEDULED_ONLY), f"{reference} in {region}: {cause!r}"


@pytest.mark.parametrize("region", REGIONS)
def test_prometheus_answers_on_loopback_and_reaches_what_it_watches(platform: Running, region: str) -> None:
    port = platform.ports[f"prometheus-{region}"]

    def look() -> set[str]:
        printed = tools.run(["curl", "--silent", f"http://127.0.0.1:{port}/api/v1/query?query=up==1"]).stdout
        return {one["metric"]["job"] for one in json.loads(printed)["data"]["result"]}

    wanted = {"api-server", "argo-cd", "cadvisor", "kube-state-metrics", "kubelet", "models", "platform", "prometheus"}
    wait_for(f"Prometheus of {region} reaches {sorted(wanted)}", look, lambda jobs: jobs >= wanted, 60, 2)
