"""`tidegate gate load` hands over what it was given, shows the verdict and ends with its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from loadtests.plan import Plan
from tests.loadtests.recordings import endpoint
from tests.root import ROOT
from tidegate import checkout, tools
from tidegate.cli.main import app
from tidegate.errors import ProgramError, ToolError
from tidegate.gates.verdict import Outcome, Reason, Verdict

Started = list[tuple[str, ...]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> tuple[Callable[[Outcome], None], Started]:
    """What the program says, and how it was started."""
    started: Started = []

    def give(outcome: Outcome) -> None:
        verdict = Verdict("load", (Reason(outcome, "fraud/scorer", "so it was"),), ("a note",))

        def run_program(_python: Path, module: str, *arguments: str, **_options: Any) -> tools.Finished:
            started.append((module, *arguments))
            return tools.Finished(TypeAdapter(Verdict).dump_json(verdict).decode(), "", 1.0)

        monkeypatch.setattr(tools, "run_program", run_program)

    return give, started


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_text("{}")
    return path


def gate(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["gate", "load", *map(str, arguments)], catch_exceptions=False)
    return done.exit_code, done.stdout


@pytest.mark.parametrize("outcome", Outcome)
def test_verdict_is_shown_and_is_the_exit_code(answers: tuple[Callable[[Outcome], None], Started], body: Path, outcome: Outcome) -> None:
    answers[0](outcome)
    given = ("fraud/scorer", "--url", "http://h", "--body", body)
    assert gate(*given) == (outcome.exit_code, f"load: {outcome}\n  {outcome}: fraud/scorer: so it was\n  a note\n")
    code, said = gate(*given, "--json")
    assert code == outcome.exit_code
    assert json.loads(said) == {
        "gate": "load", "outcome": outcome.value, "notes": ["a note"],
        "reasons": [{"outcome": outcome.value, "subject": "fraud/scorer", "text": "so it was"}],
    }  # fmt: skip


def test_what_is_given_is_handed_over_and_nothing_else(
    answers: tuple[Callable[[Outcome], None], Started], body: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers[0](Outcome.PASS)
    monkeypatch.chdir(body.parent)
    monkeypatch.setattr(checkout, "find_checkout", lambda: checkout.Checkout(ROOT))
    gate(
        "fraud/scorer", "--url", "http://h", "--body", "body.json", "--token-file", "body.json", "--recording", "out.json", "--processes", 3,
        "--preferred",
    )  # fmt: skip
    gate("fraud/scorer", "--url", "http://h", "--body", "body.json")
    gate(
        "fraud/scorer", "--url", "http://h", "--body", "body.json", "--path", "/v1/x", "--limits", "embedded", "--baseline-url", "http://now",
        "--baseline-token-file", "body.json",
    )  # fmt: skip
    assert answers[1] == [
        (
            "loadtests", "--model", "fraud/scorer", "--host", "http://h", "--body", str(body), "--token-file", str(body), "--processes", "3",
            "--recording", str(body.parent / "out.json"), "--preferred",
        ),
        ("loadtests", "--model", "fraud/scorer", "--host", "http://h", "--body", str(body), "--processes", "2"),
        (
            "loadtests", "--model", "fraud/scorer", "--host", "http://h", "--body", str(body), "--processes", "2", "--path", "/v1/x", "--limits",
            "embedded", "--baseline-host", "http://now", "--baseline-token-file", str(body),
        ),
    ]  # fmt: skip


def test_unknown_model_is_refused_by_the_real_program(body: Path) -> None:
    with pytest.raises(ProgramError, match="no served model 'fraud/none'; there are assistant/chat, "):
        tools.run_program(
            ROOT / ".venv/bin/python", "loadtests", "--model", "fraud/none", "--host", "http://h", "--body", str(body), cwd=ROOT
        )


def test_real_program_prints_the_verdict_alone(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(Plan(endpoints=(endpoint(duration_seconds=0.2),), answer_timeout_seconds=0.2).model_dump_json())
    done = tools.run_program(ROOT / ".venv/bin/python", "loadtests", "--plan", str(plan), cwd=ROOT)
    verdict = TypeAdapter(Verdict).validate_json(done.stdout)
    assert verdict.outcome in {Outcome.FAIL, Outcome.INVALID}
    assert [one.text for one in verdict.reasons if "20 x connection refused" in one.text]


def test_without_a_request_it_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as refused:
        tools.run(
            [str(ROOT / ".venv/bin/tidegate"), "gate", "load", "fraud/scorer", "--url", "http://h", "--body", str(tmp_path / "none")],
            cwd=ROOT,
        )
    assert refused.value.exit_code == 2
