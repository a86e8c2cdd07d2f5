"""The program with nothing of the library but what its image is to hold."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.errors import ToolError

SOURCES = (
    "clusters/workloads/release_controller", "tidegate/release", "tidegate/contracts/release.py", "tidegate/contracts/release_names.py",
    "tidegate/errors.py", "tidegate/facts/fact.py", "tidegate/facts/models/route_names.py", "tidegate/facts/names.py",
)  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for source in SOURCES:
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    return tmp_path


def start(app: Path) -> str:
    # -S leaves out the editable install of the checkout, which would lend it everything else.
    path = f"{app}:{Path(aiohttp.__file__).parents[1]}"
    with pytest.raises(ToolError) as failed:
        tools.run([sys.executable, "-S", "-m", "clusters.workloads.release_controller"], cwd=app, env={"PYTHONPATH": path})
    return f"{failed.value.exit_code}: {failed.value.stderr.strip().splitlines()[-1]}"


def test_its_sources_are_enough(app: Path) -> None:
    assert start(app) == "64: There is no API server: run it in a pod, or set RELEASE_API and RELEASE_ACCOUNT"


@pytest.mark.parametrize("source", [one for one in SOURCES if one.endswith(".py")])
def test_each_source_is_needed(app: Path, source: str) -> None:
    (app / source).unlink()
    assert "Error: No module named" in start(app) or "cannot import name" in start(app)
