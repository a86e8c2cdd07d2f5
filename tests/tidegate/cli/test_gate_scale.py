"""`tidegate gate scale` judges what it kept again without anybody being asked, and ends with the verdict's exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tidegate.gates.scale.runs import looks, run
from tidegate.cli.main import app
from tidegate.errors import UsageError
from tidegate.gates.scale.samples import ScaleSamples


@pytest.mark.parametrize(
    ("samples", "code", "outcome"),
    [(run(), 0, "pass"), (run(max_replicas=1, seen=looks(1000, 1000)), 1, "fail"), (run(seen=()), 4, "invalid")],
    ids=["pass", "fail", "invalid"],
)
def test_kept_samples_are_judged_again(tmp_path: Path, samples: ScaleSamples, code: int, outcome: str) -> None:
    path = tmp_path / "samples.json"
    path.write_text(samples.model_dump_json())
    result = CliRunner().invoke(app, ["gate", "scale", "--judge", str(path), "--json"])
    assert result.exit_code == code, result.output
    answer = json.loads(result.stdout)
    assert (answer["gate"], answer["outcome"]) == ("scale", outcome)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fraud/scorer"], "name a model and --version, or give --judge"),
        (["--version", "2"], "name a model and --version, or give --judge"),
        (["fraud/scorer", "--judge", "FILE"], "--judge takes everything from its file; leave the model, --version and --max-replicas out"),
        (["--judge", "FILE", "--max-replicas", "1"], "leave the model, --version and --max-replicas out"),
        (["--judge", "FILE"], "FILE: whole: Invalid JSON"),
    ],
)
def test_wrong_calls_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    path = tmp_path / "samples.json"
    path.write_text("{")
    result = CliRunner().invoke(app, ["gate", "scale", *(str(path) if one == "FILE" else one for one in words)])
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception).replace(str(path), "FILE")
