"""A region that does not answer keeps its rows, as unknown, and the command ends with 1."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner, Result

from tests.root import ROOT
from tests.tidegate.embedded.canned_models import READY
from tests.tidegate.live.canned_cluster import CannedCluster, platform
from tidegate.checkout import Checkout
from tidegate.cli.main import app
from tidegate.embedded import cloud_status, regions
from tidegate.embedded.builds import go_programs
from tidegate.embedded.fleet import bring_up, machine_view
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.region_status import RegionState, read_region_through
from tidegate.errors import ToolError
from tidegate.live.kubernetes import Kubernetes

AnswerT = TypeVar("AnswerT")
CHECKOUT = Checkout(ROOT)
LIVE, DOWN = "live-1", "live-2"


class Leaving(CannedCluster):
    """Answers that it is ready and nothing else."""

    def is_ready(self) -> bool:
        return True

    def run(self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60) -> str:
        del arguments, stdin, timeout_seconds
        raise ToolError("kubectl", 1, "connection refused")


def always(answer: AnswerT) -> Callable[..., AnswerT]:
    def give(*_arguments: object, **_options: object) -> AnswerT:
        return answer

    return give


def run(*arguments: str) -> Result:
    with contextlib.chdir(ROOT):
        return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(arguments), catch_exceptions=False)


def state_of(cluster: Kubernetes, name: str, monkeypatch: pytest.MonkeyPatch, *, runs: bool = True) -> RegionState:
    local = bring_up.open_local(CHECKOUT, platform())
    monkeypatch.setattr("tidegate.embedded.machines.machines.Machine.process", always(object() if runs else None))
    monkeypatch.setattr("tidegate.embedded.machines.cgroups.memory_bytes", always(0))
    return read_region_through(cluster, local, name)


@pytest.fixture
def nothing_in_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cloud_status.read_status(CHECKOUT)
    monkeypatch.setattr(cloud_status, "read_status", always(found))


@pytest.mark.parametrize(
    ("cluster", "runs", "reason"),
    [
        pytest.param(CannedCluster([], down=True), True, "the API server of live-2 does not answer", id="api-server-down"),
        pytest.param(Leaving([]), True, "the API server of live-2 does not answer", id="goes-away"),
        pytest.param(CannedCluster([]), False, "the machine of live-2 does not run", id="machine-stopped"),
    ],
)
@pytest.mark.usefixtures("nothing_in_the_cloud")
def test_status_keeps_the_rows_of_a_region_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, cluster: Kubernetes, runs: bool, reason: str
) -> None:
    states = [state_of(CannedCluster(READY), LIVE, monkeypatch), state_of(cluster, DOWN, monkeypatch, runs=runs)]
    monkeypatch.setattr(regions, "read_running_regions", always(states))
    done = run("status", "--json")
    assert done.exit_code == 1
    assert f"unknown: {reason}; see `tidegate local ps`, or run `tidegate up`" in done.stderr
    models = {(one["region"], one["name"]): one for one in json.loads(done.stdout)["models"]}
    assert models[LIVE, "fraud/scorer"]["known"] is True
    unknown = models[DOWN, "fraud/scorer"]
    assert (unknown["known"], unknown["ready"], unknown["problem"]) == (False, False, f"unknown: {reason}")
    assert {name for region, name in models if region == DOWN} == {
        f"{tenant.name}/{model}" for tenant in platform().tenants_of(DOWN) for model in tenant.models
    }
    shown = run("status").stdout
    assert "unknown" in shown
    assert "fraud.live-2." in shown


@pytest.mark.usefixtures("nothing_in_the_cloud")
def test_status_of_regions_that_answer_ends_with_0_whatever_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [state_of(CannedCluster([]), name, monkeypatch) for name in (LIVE, DOWN)]
    monkeypatch.setattr(regions, "read_running_regions", always(states))
    assert run("status", "--json").exit_code == 0


def diagnosed(monkeypatch: pytest.MonkeyPatch, running: list[str], clusters: dict[str, Kubernetes]) -> Result:
    def cluster_of(_local: Local, name: str, _programs: object) -> Kubernetes:
        return clusters[name]

    monkeypatch.setattr(machine_view, "running_regions", always(running))
    monkeypatch.setattr(go_programs, "build", always({"kubectl": Path("kubectl")}))
    monkeypatch.setattr(bring_up, "cluster_of", cluster_of)
    return run("model", "explain", "fraud/scorer", "--json")


@pytest.mark.parametrize(
    ("running", "clusters", "cause"),
    [
        pytest.param([LIVE], {LIVE: CannedCluster(READY)}, "the machine of live-2 does not run", id="machine-stopped"),
        pytest.param([LIVE, DOWN], {LIVE: CannedCluster(READY), DOWN: CannedCluster([], down=True)}, "the region's API server does not answer", id="api-server-down"),
        pytest.param([LIVE, DOWN], {LIVE: CannedCluster(READY), DOWN: Leaving([])}, "the API server of live-2 has gone away: connection refused", id="goes-away"),
    ],
)  # fmt: skip
def test_explanation_keeps_a_region_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, running: list[str], clusters: dict[str, Kubernetes], cause: str
) -> None:
    done = diagnosed(monkeypatch, running, clusters)
    rows = {row["path"]: row for row in json.loads(done.stdout)}
    assert rows[f"{LIVE}.live.cause"]["value"] == ""
    assert rows[f"{DOWN}.live.cause"]["value"] == cause
    assert rows[f"{DOWN}.live.API server"]["value"] == "unknown"
    assert (done.exit_code, f"unknown: {DOWN}: {cause}" in done.stderr) == (1, True)


def test_explanation_ends_with_0_when_all_regions_answer_or_none_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    both = diagnosed(monkeypatch, [LIVE, DOWN], {name: CannedCluster(READY) for name in (LIVE, DOWN)})
    assert (both.exit_code, both.stderr) == (0, "")
    none = diagnosed(monkeypatch, [], {})
    assert none.exit_code == 0
    assert not [row for row in json.loads(none.stdout) if ".live." in row["path"]]
