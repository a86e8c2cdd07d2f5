"""`tidegate gate golden` asks, keeps and judges; what it kept is judged again without anybody being asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.root import ROOT
from tests.tidegate.asking.model_server import ModelServer, features, serve
from tests.tidegate.gates.golden_set.measurements import labels, scores
from tidegate.asking.golden_folder import read_golden, row_digest
from tidegate.cli.main import app
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform

GOOD = scores(0.97, 100, 300, "cli")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Answers well, but below `/wrong` upside down and below `/down` not at all."""

    def answer(path: str, body: dict[str, Any]) -> tuple[int, object]:
        good = [GOOD[int(row[0])] for row in features(body)]
        data = [1 - one for one in good] if path.startswith("/scorer/wrong/") else good
        return (503 if path.startswith("/scorer/down/") else 200), {"outputs": [{"data": data}]}

    with serve(answer) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A golden set, which is the one that fraud's facts name."""
    path = tmp_path / "golden"
    path.mkdir()
    (path / "inputs.json").write_text(json.dumps([[row, 0.5] for row in range(400)]))
    (path / "expected.json").write_text(json.dumps({"metric": "auc", "values": labels(100, 300)}))
    (path / "slices.json").write_text(json.dumps({"region": ["near", "far"] * 200}))
    (tmp_path / "rows.txt").write_text(row_digest([400, 0.5]))
    found = inventory.load(ROOT)
    fraud = found.tenants["fraud"]
    scorer = fraud.models["scorer"]
    golden = scorer.golden_set.model_copy(update={"sha256": read_golden(path).sha256, "slices": ("region",), "threshold": 0.85})
    tenant = fraud.model_copy(update={"models": {"scorer": scorer.model_copy(update={"golden_set": golden})}})

    def load(_root: Path) -> Platform:
        return replace(found, tenants={**found.tenants, "fraud": tenant})

    monkeypatch.setattr(inventory, "load", load)
    return path


def gate(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["gate", "golden", *map(str, arguments)], catch_exceptions=False)
    return done.exit_code, done.stdout


def options(server: ModelServer, folder: Path, below: str = "") -> list[object]:
    return [
        "fraud/scorer", "--url", server.url + below, "--baseline-url", server.url, "--golden", folder,
        "--training-digests", folder.parent / "rows.txt",
    ]  # fmt: skip


def test_good_version_passes_and_is_judged_again_from_its_samples(server: ModelServer, folder: Path) -> None:
    kept = folder.parent / "samples.json"
    code, said = gate(*options(server, folder), "--samples", kept)
    assert (code, said.splitlines()[0]) == (0, "golden-set: pass")
    asked = len(server.asked)
    assert gate("--judge", kept) == (0, said)
    assert len(server.asked) == asked, "nobody was asked again"
    document = json.loads(gate("--judge", kept, "--json")[1])
    assert (document["gate"], document["outcome"]) == ("golden-set", "pass")
    assert repr(GOOD[5]) in kept.read_text()
    altered = kept.read_text().replace(repr(GOOD[5]), "0.5", 1)
    kept.write_text(altered)
    assert gate("--judge", kept)[1] != said, "the digest of the samples is another"
    kept.write_text(altered.replace('"row"', '"number"', 1))
    with pytest.raises(UsageError, match=r"samples\.json holds no samples of a golden set"):
        gate("--judge", kept)


@pytest.mark.parametrize(
    ("below", "code", "words"),
    [
        ("/wrong", 1, "fail: fraud/scorer: auc is 0.0"),
        ("/down", 4, "invalid: candidate: 400 of 400 rows have no answer (400 x status 503), so nothing is measured"),
    ],
)
def test_bad_version_is_no_pass(server: ModelServer, folder: Path, below: str, code: int, words: str) -> None:
    found, said = gate(*options(server, folder, below))
    assert found == code
    assert words in said


def test_tampered_and_leaked_set_is_invalid(server: ModelServer, folder: Path) -> None:
    (folder.parent / "rows.txt").write_text(f"{row_digest([400, 0.5])}\n{row_digest([7.0, 0.5])}")
    code, said = gate(*options(server, folder))
    assert code == 4
    assert "1 of 400 rows leaked, the candidate learnt from them: row 7" in said
    (folder / "expected.json").write_text(json.dumps({"metric": "auc", "values": labels(101, 299)}))
    assert "these files are not the set that the facts name" in gate(*options(server, folder))[1]


def test_what_is_left_out_is_inconclusive(server: ModelServer, folder: Path) -> None:
    code, said = gate("fraud/scorer", "--url", server.url, "--golden", folder)
    assert code == 3
    assert "the version that serves was not asked" in said
    assert "nobody gave the list of the candidate's training rows" in said
    first = gate(
        "fraud/scorer", "--url", server.url, "--golden", folder, "--training-digests", folder.parent / "rows.txt", "--first-version"
    )
    assert first[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a model, and either --url or --region; or give --judge"),
        (["fraud/scorer"], "either --url or --region"),
        (["fraud/scorer", "--url", "http://h", "--region", "live-1"], "either --url or --region"),
        (["fraud/scorer", "--url", "http://h"], "--url needs --golden"),
        (["fraud/scorer", "--region", "live-1", "--address", "h:1"], "--region finds the set, the address and the token by itself"),
        (["fraud/scorer", "--judge", ROOT / "README.md"], "--judge takes everything from its file"),
        (["--judge", ROOT / "README.md"], "holds no samples of a golden set"),
        (["fraud/none", "--url", "http://h", "--golden", ROOT / "docs"], "no served model 'fraud/none'; there are assistant/chat, "),
        (["fraud/scorer", "--url", "http://h", "--golden", ROOT / "docs"], "is no golden set"),
    ],
)
def test_wrong_call_is_refused(arguments: list[object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        gate(*arguments)
