"""Installs are the same everywhere: locked by hash, tied to no registry and to no machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.root import ROOT

LOCKS = sorted((ROOT / "locks").glob("*.txt"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_python_lock_has_a_hash_for_everything_and_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    requirements = re.findall(r"^[A-Za-z0-9].*?(?=^[A-Za-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert requirements
    assert not [one.split()[0] for one in requirements if "--hash=sha256:" not in one]
    assert "://" not in text
    assert "index-url" not in text


def test_lock_of_jars_has_a_hash_for_everything_and_no_address() -> None:
    lines = (ROOT / "locks/clients.jars").read_text(encoding="utf-8").splitlines()
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[a-z0-9.]+(:[a-z0-9.-]+){2} --hash=sha256:[0-9a-f]{64}", line)]


def test_node_lock_has_integrity_and_no_address() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name: facts for name, facts in packages.items() if name and not facts.get("link")}
    assert installed
    assert not [name for name, facts in installed.items() if "resolved" in facts]
    assert not [name for name, facts in installed.items() if "integrity" not in facts and not facts.get("inBundle")]


def test_ci_runs_the_same_command_as_people() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").rstrip().endswith("exec make test")
