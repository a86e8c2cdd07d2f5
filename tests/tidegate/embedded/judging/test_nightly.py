"""The nightly asks every model that runs, and says of each that could not be measured why. The generator is replaced: nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.embedded.edge_server import Edge, make_local, serve
from tests.tidegate.gates.golden_set.measurements import answers, labels, measured, scores
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import prediction
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.judging import nightly
from tidegate.embedded.judging.golden_set import Served
from tidegate.embedded.model_index import Sample
from tidegate.errors import ProgramError, ToolError
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.gates.history.nights import Better, Figure, Measured, Unit
from tidegate.live.states import is_executed

SAMPLE = Sample(path="/v2/models/scorer/infer", request={"inputs": [1]}, pointer="outputs", expected=(1.0,))


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with serve(tmp_path, "fraud.live-1.models.example.com") as running:
        yield running


@pytest.fixture
def local(tmp_path: Path, edge: Edge) -> Local:
    return make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": edge.port, "login": edge.port})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Options with which the generator was started; its files read while they are there."""
    found: list[dict[str, str]] = []

    def run_program(_python: Path, module: str, *words: str, **_options: Any) -> tools.Finished:
        if module == "loadtests.figures":
            name = Path(words[0]).name.removesuffix(".recording.json").replace(".", "/")
            figure = Figure(series=f"{name} p99", value=9.0, unit=Unit.MILLISECONDS, better=Better.LOWER)
            return tools.Finished(Measured(figures=(figure,)).model_dump_json(), "", 0.1)
        options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
        if options["--model"].startswith("scoring/"):
            raise ProgramError(ToolError("python -m loadtests", 1, "no free port"))
        found.append(options | {name: Path(options[name]).read_text() for name in ("--body", "--token-file", "--ca-file")})
        return tools.Finished('{"gate": "load", "reasons": []}', "", 0.1)

    def predict(_local: Local, reference: str, _models: object) -> None:
        if reference.startswith("credit/"):
            raise prediction.PredictionError(f"{reference} answered something else\nthan was trained")

    def sample_of(*_given: object) -> Sample:
        return SAMPLE

    def measure_in_region(_local: Local, _models: Path, region: str, served: Served, **_options: object) -> GoldenSamples:
        assert region in served.tenant.clusters
        right = answers(scores(0.9, 500, 500, "night")) if served.reference != "merchants/anomaly" else answers([])
        return measured(candidate=right, serving=None, labels=labels(500, 500))

    monkeypatch.setattr(tools, "run_program", run_program)
    monkeypatch.setattr(prediction, "predict", predict)
    monkeypatch.setattr(prediction, "sample_of", sample_of)
    monkeypatch.setattr(nightly, "measure_in_region", measure_in_region)
    return found


def p99s(found: Measured) -> set[str]:
    return {figure.series.removesuffix(" p99") for figure in found.figures if figure.series.endswith(" p99")}


def measure(local: Local, out: Path) -> Measured:
    return nightly.measure_fleet(Checkout(out), local, lambda: out, out / "recordings", lambda _what, _happened: None)


def test_every_model_that_runs_is_measured_or_named(local: Local, tmp_path: Path, started: list[dict[str, str]]) -> None:
    found = measure(local, tmp_path)
    running = {
        f"{tenant.name}/{name}" for tenant in local.platform.tenants.values() for name, model in tenant.models.items() if is_executed(model)
    }
    assert "fraud/scorer" in running
    assert p99s(found) | {name for name in found.unmeasured if " " not in name} == running
    assert {one["--model"] for one in started} == p99s(found)
    assert all("\n" not in why for why in found.unmeasured.values())
    refused = [why for name, why in found.unmeasured.items() if name.startswith("scoring/")]
    assert refused
    assert all("no free port" in why for why in refused)


def test_model_is_asked_at_its_edge_by_its_embedded_profile(
    local: Local, tmp_path: Path, edge: Edge, started: list[dict[str, str]]
) -> None:
    measure(local, tmp_path)
    (fraud,) = [one for one in started if one["--model"] == "fraud/scorer"]
    assert fraud["--host"] == "https://fraud.live-1.models.example.com/scorer"
    assert fraud["--address"] == f"127.0.0.1:{edge.port}"
    assert (fraud["--limits"], "--arrivals" in fraud, "--baseline-host" in fraud) == ("embedded", False, False)
    assert (json.loads(fraud["--body"]), fraud["--path"]) == (SAMPLE.request, SAMPLE.path)
    assert fraud["--token-file"].count(".") == 2
    assert "BEGIN CERTIFICATE" in fraud["--ca-file"]
    assert not Path(fraud["--recording"]).parent.is_relative_to("/tmp/tidegate-load-")


@pytest.mark.usefixtures("started")
def test_metric_of_the_golden_set_is_kept_and_one_without_answers_says_why(local: Local, tmp_path: Path) -> None:
    found = measure(local, tmp_path)
    (auc,) = [one for one in found.figures if one.series == "fraud/scorer auc"]
    assert auc.value == pytest.approx(0.9, abs=0.03)
    assert (auc.unit, auc.better) == (Unit.SCORE, Better.HIGHER)
    (why,) = [why for name, why in found.unmeasured.items() if name.startswith("merchants/anomaly ")]
    assert why.startswith("nothing is recorded of")


def test_wrong_answer_is_not_measured(local: Local, tmp_path: Path, started: list[dict[str, str]]) -> None:
    found = measure(local, tmp_path)
    wrong = {name: why for name, why in found.unmeasured.items() if name.startswith("credit/")}
    assert wrong
    assert all(why.endswith("answered something else than was trained") for why in wrong.values())
    assert not [one for one in started if one["--model"].startswith("credit/")]
