"""Leaving cdktf for its fork costs one environment variable (decision 0001)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.infra.synthesis import Synthesis, read_synthesis, without_metadata
from tests.root import ROOT
from tidegate import tools
from tidegate.errors import ToolError


def synthesise_in_process(outdir: Path, **variables: str) -> Synthesis:
    """What `cdktf synth` runs, in a process of its own, because a process holds one of the two libraries."""
    tools.run([sys.executable, "-m", "infra.main"], cwd=ROOT, env={"CDKTF_OUTDIR": str(outdir), **variables}, timeout_seconds=120)
    return read_synthesis(outdir)


def test_cdktn_synthesises_the_same_stacks(production: Synthesis, tmp_path: Path) -> None:
    fork = synthesise_in_process(tmp_path, TIDEGATE_CDK="cdktn")
    versions = {document["//"]["metadata"]["version"] for document in fork.stacks.values()}
    assert versions.isdisjoint(document["//"]["metadata"]["version"] for document in production.stacks.values())
    assert without_metadata(fork.stacks) == without_metadata(production.stacks)
    assert fork.listing == production.listing


def test_synthesis_is_the_same_byte_for_byte(production: Synthesis, tmp_path: Path) -> None:
    again = synthesise_in_process(tmp_path, PYTHONHASHSEED="7")
    files = sorted(path.relative_to(production.folder) for path in production.folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in again.folder.rglob("*") if path.is_file())
    differing = [str(path) for path in files if (tmp_path / path).read_bytes() != (production.folder / path).read_bytes()]
    assert differing == []


def test_no_path_of_this_machine_is_written(production: Synthesis) -> None:
    naming = [
        str(path)
        for path in production.folder.rglob("*.json")
        if str(production.folder) in path.read_text() or str(ROOT) in path.read_text()
    ]
    assert naming == []


def test_unknown_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="TIDEGATE_CDK=pulumi names no library; use cdktf or cdktn"):
        synthesise_in_process(tmp_path, TIDEGATE_CDK="pulumi")
