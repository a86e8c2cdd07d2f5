"""Commands of the nightly and of the scope: what they print, write and end with."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tidegate.gates.history.series import FIRST, NAME, lines, night, noise
from tidegate.cli.main import app
from tidegate.embedded.fleet import bring_up
from tidegate.embedded.judging import nightly
from tidegate.errors import UsageError
from tidegate.gates.history.nights import Measured
from tidegate.gates.verdict import Outcome
from tidegate.repository import changed_files


def gate(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["gate", *map(str, words)], catch_exceptions=False)
    return done.exit_code, done.stdout


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines([*noise(1, 40), *noise(2, 11, centre=14.0)])))
    return path


LAST = FIRST + timedelta(days=50)
NEXT = FIRST + timedelta(days=51)


def test_night_is_judged_again_and_drawn(history: Path, tmp_path: Path) -> None:
    page = tmp_path / "trend.html"
    code, said = gate("history", "--history", history, "--night", LAST, "--page", page)
    assert code == Outcome.FAIL.exit_code
    assert said.startswith(f"history: fail\n  fail: {NAME}: worse: since {FIRST + timedelta(days=40)}")
    assert "<svg" in page.read_text()
    assert json.loads(gate("history", "--history", history, "--night", LAST, "--json")[1])["outcome"] == "fail"


def test_shift_is_accepted_by_somebody(history: Path) -> None:
    given = ("accept", NAME, "--history", history, "--night", FIRST + timedelta(days=40), "--reason", "a larger model")
    with pytest.raises(UsageError, match="--by: "):
        gate(*given, "--by", "nobody")
    assert gate(*given, "--by", "on-call@example.com")[0] == 0
    assert gate("history", "--history", history, "--night", LAST)[0] == 0


@pytest.mark.parametrize(("text", "code"), [("", 4), ("{", 4)])
def test_history_without_the_night_is_invalid(tmp_path: Path, text: str, code: int) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(text)
    assert gate("history", "--history", path)[0] == code


def test_nightly_measures_adds_and_judges(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure_fleet(*_given: object) -> Measured:
        return Measured(figures=night(0, 14.0).figures, unmeasured={"credit/decision": "no edge answers"})

    monkeypatch.setattr(nightly, "measure_fleet", measure_fleet)

    def open_local(_checkout: object) -> None: ...

    monkeypatch.setattr(bring_up, "open_local", open_local)
    out = tmp_path / "out"
    code, said = gate("nightly", "--history", history, "--out", out, "--night", NEXT)
    assert code == Outcome.FAIL.exit_code
    assert "inconclusive: credit/decision: not measured tonight: no edge answers" in said
    assert (out / "history.jsonl").read_bytes() == history.read_bytes()
    assert len(history.read_text().splitlines()) == 52
    assert f"Nightly of {NEXT}" in (out / "trend.html").read_text()
    with pytest.raises(UsageError, match="already"):
        gate("nightly", "--history", history, "--out", out, "--night", NEXT)


@pytest.mark.parametrize(("path", "said"), [("docs/ci.md", "region=false\n"), ("Makefile", "region=true\n")])
def test_scope_is_added_to_the_outputs_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, said: str) -> None:
    def found(_checkout: object, _base: str) -> list[str]:
        return [path]

    monkeypatch.setattr(changed_files, "changed_files", found)
    outputs = tmp_path / "deep" / "outputs"
    outputs.parent.mkdir()
    outputs.write_text("before=1\n")
    assert gate("scope", "--base", "main", "--outputs", outputs)[0] == 0
    assert outputs.read_text() == f"before=1\n{said}"
    assert json.loads(gate("scope", "--base", "main", "--json")[1])["region"] is (said == "region=true\n")
