"""`tidegate model` signs, verifies and lists; what is refused ends with the reason and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate.cli.main import app
from tidegate.embedded import verify_models as of_examples
from tidegate.repository import verify_models as of_account
from tidegate.signing import review


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["model", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_signing_tells_the_digest_for_the_tenants_file(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.txt").write_text("trees")
    settings = '{"implementation": "mlserver_lightgbm.LightGBMModel", "parameters": {"uri": "./model.txt"}}'
    (folder / "model-settings.json").write_text(settings)
    said = json.loads(run("sign", str(folder), "fraud/scorer/2", "--key-id", "fraud-release", "--json"))
    assert (said["model"], said["files"], said["size_bytes"]) == ("fraud/scorer/2", 2, 5 + len(settings))
    assert sorted(path.name for path in folder.iterdir()) == ["model-settings.json", "model.sig", "model.statement", "model.txt"]
    assert f"sha256: {said['sha256']}" in run("sign", str(folder), "fraud/scorer/2", "--key-id", "fraud-release")


def test_public_key_is_printed_and_nothing_else(tmp_path: Path) -> None:
    pem = run("key", "fraud-release")
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    assert "PRIVATE" not in pem
    assert pem == run("key", "fraud-release", "--key", str(tmp_path / "cache/tidegate/model-keys/fraud-release.key"))


def test_verified_models_are_listed_with_their_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, list[str]]] = []

    def verify_examples(_checkout: object, place: str, only: list[str], _tell: object) -> list[tuple[str, list[review.Checked]]]:
        asked.append((place, only))
        return [("bucket-1", [review.Checked("fraud/scorer/1", "a" * 64, "fraud-release", 4, 80488)])]

    def verify_account(checkout: object, only: list[str]) -> list[tuple[str, list[review.Checked]]]:
        return verify_examples(checkout, "account", only, None)

    def trained(_checkout: object) -> str:
        return "trained"

    monkeypatch.setattr(of_examples, "verify_examples", verify_examples)
    monkeypatch.setattr(of_examples, "default_place", trained)
    monkeypatch.setattr(of_account, "verify_account", verify_account)
    assert "1 models: every byte is what was signed" in run("verify")
    (row,) = json.loads(run("verify", "fraud/scorer", "--in", "account", "--json"))["models"]
    assert asked == [("trained", []), ("account", ["fraud/scorer"])]
    assert row == {
        "where": "bucket-1",
        "model": "fraud/scorer/1",
        "sha256": "a" * 64,
        "key_id": "fraud-release",
        "files": 4,
        "size_bytes": 80488,
    }
