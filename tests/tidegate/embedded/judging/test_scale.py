"""The rate rises at the candidate, and its replicas are looked at meanwhile. Generator and cluster are replaced: nothing is sent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.root import ROOT
from tests.tidegate.embedded.edge_server import Edge, make_local, serve
from tests.tidegate.gates.scale.runs import requests
from tests.tidegate.live.canned_cluster import CannedCluster, Object, autoscaler, pod
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.fleet import bring_up as fleet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.judging import scale
from tidegate.embedded.judging.candidates import Standing
from tidegate.embedded.judging.scale import Run, measure_in_region, wanted_limits
from tidegate.embedded.judging.sent_load import Load
from tidegate.embedded.model_index import Sample
from tidegate.embedded.prediction import PredictionError
from tidegate.errors import UsageError
from tidegate.facts import inventory, names
from tidegate.facts.inventory.profiles import load_profiles
from tidegate.facts.models.scaling import Scaling
from tidegate.gates.candidate import candidate_of
from tidegate.gates.scale.samples import ScaleSamples, Sent

PLATFORM = inventory.load(ROOT)
PROFILE = load_profiles(ROOT, PLATFORM)["fraud/scorer"]
SCORER = PLATFORM.tenants["fraud"].models["scorer"]
assert PROFILE.scale
CANDIDATE = candidate_of(PLATFORM.tenants["fraud"], "scorer", "a" * 64, cluster="live-1", scale=PROFILE.scale)
PLATFORM_BESIDE = replace(PLATFORM, tenants={**PLATFORM.tenants, CANDIDATE.name: CANDIDATE})
NAMESPACE = names.tenant_namespace(CANDIDATE.name)
SAMPLE = Sample(path="/v2/models/scorer/infer", request={"inputs": [1]}, pointer="outputs", expected=(1.0,))


def there(*objects: Object) -> tuple[Object, ...]:
    for one in objects:
        one["metadata"]["namespace"] = NAMESPACE
    return objects


@dataclass
class Started:
    """What the load program was started with, and what it is to say."""

    options: dict[str, str] = field(default_factory=dict[str, str])
    said: str = ""


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with serve(tmp_path, "fraud-gate.live-1.models.example.com") as running:
        yield running


@pytest.fixture
def local(tmp_path: Path, edge: Edge) -> Local:
    return make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": edge.port, "login": edge.port}, PLATFORM_BESIDE)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> CannedCluster:
    found = CannedCluster(there(autoscaler(wanted=3), pod("a", ready=True)))

    def prepare(*_given: object) -> SimpleNamespace:
        return SimpleNamespace(programs={})

    def cluster_of(*_given: object) -> CannedCluster:
        return found

    monkeypatch.setattr(fleet, "prepare", prepare)
    monkeypatch.setattr(fleet, "cluster_of", cluster_of)
    return found


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The load program takes half a second, and a replica comes meanwhile."""
    found = Started()
    began = time.monotonic()
    found.said = Sent(due=1, requests=requests()[:1], begin_monotonic=began, monotonic_seconds=1.0, wall_seconds=1.0).model_dump_json()
    monkeypatch.setattr(scale, "_LOOK_SECONDS", 0.05)

    def run_program(_python: Path, module: str, *words: str, **_options: Any) -> tools.Finished:
        assert module == "loadtests"
        if words[0] == "--requests":
            return tools.Finished(found.said, "", 0.1)
        found.options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
        time.sleep(0.5)
        return tools.Finished('{"gate": "load", "reasons": [{"outcome": "invalid", "subject": "recording", "text": "no Locust"}]}', "", 0.1)

    monkeypatch.setattr(tools, "run_program", run_program)
    return found


def measure(local: Local, said: list[str] | None = None) -> ScaleSamples:
    lines = said if said is not None else []
    host = CANDIDATE.host_in(local.platform.clusters["live-1"].domain)
    standing = Standing(CANDIDATE, "scorer", "s3://tidegate-models/fraud/scorer/2", "live-1", host, 1.0)
    run = Run("fraud/scorer", standing, Load("fraud/scorer", CANDIDATE, SAMPLE, ROOT), PROFILE, SCORER)
    return measure_in_region(Checkout(ROOT), local, "live-1", run, lambda what, line: lines.append(f"{what}: {line}"))


@pytest.mark.usefixtures("cluster")
def test_steps_of_the_profile_are_sent_to_the_candidate_and_replicas_are_looked_at(local: Local, started: Started) -> None:
    said: list[str] = []
    samples = measure(local, said)
    assert "fraud/scorer: 1.5/s for 30 s, 6/s for 60 s, 24/s for 60 s" in said
    steps = json.loads(started.options["--arrivals"])
    assert steps["shape"] == "steps"
    assert [(one["seconds"], one["requests_per_second"]) for one in steps["steps"]] == [(30, 1.5), (60, 6), (60, 24)]
    assert started.options["--host"] == "https://fraud-gate.live-1.models.example.com/scorer"
    assert (started.options["--model"], started.options["--limits"]) == ("fraud/scorer", "embedded")
    assert "--baseline-host" not in started.options
    assert {(one.ready, one.wanted) for one in samples.looks} == {(1, 3)}
    assert len(samples.looks) >= 4
    assert [one.seconds for one in samples.looks] == sorted(one.seconds for one in samples.looks)
    assert 0 <= samples.looks[0].seconds <= samples.looks[-1].seconds < 60, "by the clock of the load program"
    assert (samples.limit_ms, samples.max_replicas, samples.version) == (350, 5, "s3://tidegate-models/fraud/scorer/2")
    assert (
        samples.notes[0] == "scaled on requests per second, which two cores cannot blur; the model itself is scaled on 4 requests in flight"
    )
    assert samples.notes[1] == "embedded profile, no evidence for production"


@pytest.mark.usefixtures("started")
def test_looks_that_fail_are_left_out(local: Local, cluster: CannedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = scale.ScaledModel.settled

    def then_down(self: scale.ScaledModel, scaling: Scaling) -> tuple[str, str]:
        found = settled(self, scaling)
        cluster.state["down"] = True
        return found

    monkeypatch.setattr(scale.ScaledModel, "settled", then_down)
    assert measure(local).looks == ()


@pytest.mark.usefixtures("cluster")
def test_load_program_without_a_recording_is_no_measurement(local: Local, started: Started) -> None:
    started.said = "\n"
    with pytest.raises(PredictionError, match="the load program kept no recording: invalid: recording: no Locust"):
        measure(local)


@pytest.mark.parametrize(
    ("scaling", "without", "said"),
    [
        (
            Scaling(min_replicas=2, max_replicas=2),
            False,
            "fraud/scorer has a fixed number of replicas or scales on CPU; nothing has to follow",
        ),
        (Scaling(mode="standard", min_replicas=1, max_replicas=2), False, "fraud/scorer has a fixed number of replicas or scales on CPU"),
        (
            SCORER.scaling,
            True,
            "clusters/embedded/profiles.yaml: profiles.fraud/scorer.scale is missing; add it, or give the model a fixed number",
        ),
    ],
    ids=["fixed", "on-cpu", "no-profile"],
)
def test_model_that_cannot_be_judged_so_is_refused(scaling: Scaling, without: bool, said: str) -> None:
    profile = PROFILE.model_copy(update={"scale": None}) if without else PROFILE
    with pytest.raises(UsageError, match=said):
        wanted_limits("fraud/scorer", SCORER.model_copy(update={"scaling": scaling}), profile)


def test_another_ceiling_may_be_tried_by_hand() -> None:
    limits = wanted_limits("fraud/scorer", SCORER, PROFILE, 1)
    assert limits.max_replicas.value == 1
    candidate = candidate_of(PLATFORM.tenants["fraud"], "scorer", "a" * 64, cluster="live-1", scale=limits)
    assert candidate.models["scorer"].scaling.max_replicas == 1
    assert wanted_limits("fraud/scorer", SCORER, PROFILE) == PROFILE.scale
