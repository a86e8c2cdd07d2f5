"""In a region all is found by itself: the set where the facts say, the list of training rows of the version, address, certificates and token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.embedded.edge_server import Edge, make_local, serve
from tidegate.asking.golden_folder import read_golden, row_digest
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.judging.golden_set import Served, measure_in_region
from tidegate.embedded.prediction import PredictionError
from tidegate.errors import UsageError
from tidegate.gates.golden_set.judge import judge
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.gates.verdict import Outcome

HOST = "fraud.live-1.models.example.com"
INPUTS = [[float(number), 0.5] for number in range(30)]


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with serve(tmp_path, HOST) as running:
        running.body = json.dumps({"outputs": [{"data": [number / 30 for number in range(30)]}]})
        yield running


@pytest.fixture
def local(tmp_path: Path, edge: Edge) -> Local:
    return make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": edge.port, "login": edge.port})


def write(folder: Path, expected: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "inputs.json").write_text(json.dumps(INPUTS))
    (folder / "expected.json").write_text(json.dumps(expected))
    (folder / "slices.json").write_text("{}")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """What training leaves, for version 1 of fraud/scorer."""
    folder = tmp_path / "models"
    for number in ("1", "2"):
        write(folder / f"fraud/scorer/golden/{number}", {"metric": "auc", "values": [int(row >= 15) for row in range(30)]})
    (folder / "fraud/scorer/golden/2/slices.json").write_text(json.dumps({"region": ["far"] * 30}))
    (folder / "rows.txt").write_text(f"{row_digest([3.0, 0.5])}\n{row_digest([1.0])}\n")
    version = {
        "tenant": "fraud", "model": "scorer", "version": "1", "path": "fraud/scorer/1", "sha256": "0" * 64, "sample": "s", "metric": "auc",
        "golden": "fraud/scorer/golden/1", "golden_sha256": "0" * 64, "value": 0.9, "trained_on": "rows.txt",
    }  # fmt: skip
    (folder / "models.json").write_text(json.dumps({"versions": [version]}))
    return folder


def scorer(local: Local, **golden: object) -> Served:
    """The committed model, with other facts of its golden set."""
    tenant = local.platform.tenants["fraud"]
    model = tenant.models["scorer"]
    changed = model.model_copy(update={"golden_set": model.golden_set.model_copy(update=golden)})
    return Served(tenant.model_copy(update={"models": {"scorer": changed}}), "scorer")


def test_candidate_and_the_version_that_serves_are_asked_at_the_edge_with_a_token(local: Local, models: Path, edge: Edge) -> None:
    samples = measure_in_region(local, models, "live-1", scorer(local), scorer(local))
    assert [one["path"] for one in edge.asked] == ["/scorer/v2/models/scorer/infer"] * 2
    assert edge.claims["tenant"] == "fraud"
    assert json.loads(edge.asked[0]["body"])["inputs"][0]["shape"] == [30, 2]
    assert [one.value for one in samples.candidate.answers] == [number / 30 for number in range(30)]
    assert (samples.candidate.version, samples.candidate.url) == ("fraud/scorer/1", f"https://{HOST}/scorer")
    assert samples.serving == samples.candidate
    assert samples.training is not None
    assert (samples.training.listed, samples.training.found) == (2, (3,))
    assert judge(samples).outcome is Outcome.INVALID, "leaked, too small and not the committed set"
    assert GoldenSamples.model_validate_json(samples.model_dump_json()) == samples


def test_set_is_read_where_the_facts_say(local: Local, models: Path) -> None:
    for number in ("1", "2"):
        samples = measure_in_region(local, models, "live-1", scorer(local, uri=f"s3://tidegate-models/fraud/scorer/golden/{number}"))
        assert samples.sha256_found == read_golden(models / f"fraud/scorer/golden/{number}").sha256
        assert bool(samples.slices) == (number == "2")


def test_failures_at_the_edge_are_counted(local: Local, models: Path, edge: Edge) -> None:
    edge.status, edge.body = 503, "no healthy upstream"
    assert {one.failure for one in measure_in_region(local, models, "live-1", scorer(local)).candidate.answers} == {"status 503"}
    edge.status = 0
    assert {one.failure for one in measure_in_region(local, models, "live-1", scorer(local)).candidate.answers} == {"broken off"}


def test_what_cannot_be_asked_here_is_refused(local: Local, models: Path) -> None:
    tenants = local.platform.tenants
    with pytest.raises(UsageError, match="fraud does not run in 'live-9'; name one of its clusters, there are live-1, live-2"):
        measure_in_region(local, models, "live-9", scorer(local))
    with pytest.raises(
        UsageError, match=r"merchants/anomaly/1 is not among the trained models; correct artefact\.uri of merchants/anomaly"
    ):
        measure_in_region(local, models, "live-1", Served(tenants["merchants"], "anomaly"))
    with pytest.raises(PredictionError, match=r"scoring/batch is .*, so nothing answers for it here; judge it where its cards are"):
        measure_in_region(local, models, "live-1", Served(tenants["scoring"], "batch"))
