"""Trees to judge, and what costs seconds left out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.repository.merge.judging import nothing, unknown
from tidegate.repository import rendering
from tidegate.repository.merge import static_gates


@pytest.fixture(autouse=True)
def unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushing waits for whatever else this machine writes."""
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def no_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "unrendered_findings", nothing)
    monkeypatch.setattr(static_gates, "compare", unknown)


def copied(folders: Sequence[str], to: Path) -> Path:
    for folder in folders:
        shutil.copytree(ROOT / folder, to / folder)
    return to


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """A tree without rendered objects."""
    return copied(("gitops/tenants", "clusters/inventory", "clusters/prices"), tmp_path)


@pytest.fixture
def tree(facts: Path) -> Path:
    return copied(("gitops/rendered", "gitops/bootstrap", ".github", "locks"), facts)


@pytest.fixture
def judged_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "unrendered_findings", nothing)
    monkeypatch.setattr(static_gates, "compare", unknown)
    monkeypatch.setattr(rendering, "judged", nothing)
