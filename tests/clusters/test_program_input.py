"""Files that the rendering program is given: whatever is wrong with one is a line, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clusters import program
from clusters.addons.requests import fulfil
from tests.root import ROOT
from tidegate.contracts.rendering import AddOnsRequest, RegionFacts
from tidegate.errors import InventoryError
from tidegate.facts import inventory

FACTS: dict[str, Any] = {"repository_url": "git://git.example.com/tidegate.git", "edge_addresses": {"live-1": "192.0.2.1"}}


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[str]]:
    out = folder / "out"
    code = program.main(["render", "--root", str(ROOT), "--out", str(out), *more])
    assert not out.exists()
    return code, capsys.readouterr().err.replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (None, 2, "facts.json: No such file or directory"),
        ("", 1, "facts.json: Invalid JSON: EOF while parsing a value at line 1 column 0; correct the file [program-input]"),
        ("[]", 1, "facts.json: Input should be an object; correct the file [program-input]"),
        (json.dumps({**FACTS, "edge_addresses": 3}), 1, "facts.json: edge_addresses: Input should be an object; correct the file [program-input]"),
        (json.dumps({**FACTS, "edge_addresses": {}}), 1, "facts.json: edge_addresses: Dictionary should have at least 1 item after validation, not 0; correct the file [program-input]"),
        (json.dumps({**FACTS, "edge_addresses": {"live-1": "192.0.2.1", "live-9": "192.0.2.9"}}), 1, "embedded facts: edge_addresses.live-9: no cluster has this name; use live-1, live-2 [cluster-unknown]"),
    ],
    ids=["missing", "empty", "list", "wrong-type", "no-region", "unknown-region"],
)  # fmt: skip
def test_odd_embedded_facts_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, code: int, line: str
) -> None:
    if content is not None:
        (tmp_path / "facts.json").write_text(content)
    assert refused(tmp_path, capsys, "--embedded", str(tmp_path / "facts.json")) == (code, [line])


def test_folder_in_place_of_the_facts_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "facts.json").mkdir()
    assert refused(tmp_path, capsys, "--embedded", str(tmp_path / "facts.json")) == (2, ["facts.json: Is a directory"])


def test_findings_of_all_files_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.json", "b.json", "facts.json"):
        (tmp_path / name).write_text("{")
    _, lines = refused(
        tmp_path,
        capsys,
        "--embedded",
        str(tmp_path / "facts.json"),
        "--add-ons",
        str(tmp_path / "a.json"),
        "--add-ons",
        str(tmp_path / "b.json"),
    )
    assert [line.partition(":")[0] for line in lines] == ["a.json", "b.json", "facts.json"]
    _, lines = refused(tmp_path, capsys, "--add-ons", str(tmp_path / "a.json"), "--add-ons", str(tmp_path / "c.json"))
    assert [line.partition(":")[0] for line in lines] == ["a.json", "c.json"]


def request(folder: Path, **changed: Any) -> AddOnsRequest:
    text = folder / "text"
    text.write_text("x")
    text.chmod(0o644)
    whole: dict[str, Any] = {
        "facts": RegionFacts.model_construct(cluster="live-1"), "images": {}, "modules": {}, "helm": Path("/bin/true"), "kubectl": Path("/bin/true"),
        "out": folder / "out", "secrets": folder / "secrets.json",
    }  # fmt: skip
    return AddOnsRequest.model_construct(**{**whole, **changed})


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("helm", ".", "is no program that can be executed"),
        ("helm", "text", "is no program that can be executed"),
        ("kubectl", "absent", "is no program that can be executed"),
        ("secrets", ".", "is a folder, or in none that is there"),
        ("secrets", "absent/secrets.json", "is a folder, or in none that is there"),
    ],
    ids=["folder", "not-executable", "absent", "secrets-folder", "secrets-nowhere"],
)
def test_odd_paths_of_a_request_are_refused_before_anything_is_written(tmp_path: Path, field: str, value: str, problem: str) -> None:
    with pytest.raises(InventoryError) as caught:
        fulfil(request(tmp_path, **{field: tmp_path / value}), inventory.load(ROOT).clusters)
    [finding] = caught.value.findings
    assert (finding.path, finding.problem, finding.value) == (field, problem, str(tmp_path / value))
    assert not (tmp_path / "out").exists()
