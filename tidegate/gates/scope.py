"""Whether a change needs a region to be judged, by the files that it touches alone: known before anything is set up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_DOCUMENTS = ("docs",)
_TEXTS = (".md",)
_ALONE = ("LICENSE",)
"""What no program reads but the tests of documents."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a change needs."""

    region: bool
    why: str


def is_document(path: str) -> bool:
    """Whether a file is for people only."""
    parts = path.split("/")
    return path in _ALONE or parts[0] in _DOCUMENTS or (parts[-1].endswith(_TEXTS) and parts[0] not in {"tests", "clusters", "gitops"})


def scope_of(paths: Sequence[str]) -> Scope:
    """Of all files that differ, both names of one that moved. Without any the base is likely wrong, so everything runs."""
    if not paths:
        return Scope(region=True, why="nothing differs from the base, which no change says of itself; everything runs")
    others = [path for path in paths if not is_document(path)]
    if not others:
        return Scope(region=False, why=f"documents only ({_counted(paths)}): no region and no load")
    return Scope(region=True, why=f"{_counted(others)}: a region is needed")


def _counted(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
