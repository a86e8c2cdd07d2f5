"""What the nightly keeps of a run: its times, whether limits were kept or not; nothing of a run that cannot be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.figures import main, measured
from loadtests.plan import Plan
from loadtests.recording import Recording
from tests.loadtests.recordings import LIMIT_MS, endpoint, part, process
from tidegate.gates.history.nights import Measured

NAME = "fraud/scorer"


def recording(milliseconds: list[float], failures: dict[str, int] | None = None, **changes: object) -> Recording:
    return Recording(plan=Plan(endpoints=(endpoint(),)), processes=(process(part(NAME, milliseconds, failures, **changes)),))


def values(found: Measured) -> dict[str, float]:
    return {figure.series: figure.value for figure in found.figures}


def test_times_are_kept_also_of_a_run_that_missed_its_limits() -> None:
    found = measured(recording([*[10.0] * 960, *[9 * LIMIT_MS] * 40]))
    assert values(found) == {f"{NAME} p50": 10.0, f"{NAME} p99": 9 * LIMIT_MS, f"{NAME} failed": 0.0}
    assert found.unmeasured == {}


def test_failures_are_slower_than_any_answer() -> None:
    assert values(measured(recording([10.0] * 996, {"status 500": 4})))[f"{NAME} failed"] == pytest.approx(0.004)
    found = measured(recording([10.0] * 970, {"status 500": 30}))
    assert found.figures == ()
    assert found.unmeasured == {NAME: "3.0% of the requests failed, so there is no p99"}


def test_run_that_cannot_be_trusted_gives_no_figure() -> None:
    found = measured(recording([10.0] * 1000, lag=((50_000, 1000),)))
    assert found.figures == ()
    assert "late" in found.unmeasured[NAME]


def test_program_prints_them_and_refuses_what_is_no_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.json"
    path.write_text(recording([10.0] * 1000).model_dump_json())
    assert main(str(path)) == 0
    assert len(Measured.model_validate_json(capsys.readouterr().out).figures) == 3
    path.write_text("{}")
    assert main(str(path)) == 1
    assert main(str(tmp_path / "none.json")) == 1
    assert capsys.readouterr().err.count("is no recording of the load gate") == 2
