"""A tree of rendered files: one object per file, written whole or not at all.

The folder belongs to the renderer alone: what is in it and was not rendered now is removed. So that a mistyped path cannot cost
anybody their work, a folder is refused that the program works in, that is a checkout, or that has a folder in it without any file of
ours.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tidegate.errors import Finding, ManifestError
from tidegate.host_refusals import naming
from tidegate.manifests.placed import fields
from tidegate.manifests.staging import PREVIOUS, clear_up_after_the_killed, hold, staging_prefix
from tidegate.manifests.yaml_text import Manifest, emit

RENDER_COMMAND = "tidegate render"
FIRST_BYTES = b"# Rendered from "


@dataclass(frozen=True, slots=True)
class RenderedObject:
    """One object and its place: `folder` below the tree, `source` the file, or pattern of files, that a reader should edit instead."""

    folder: str
    source: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a tree did, in files."""

    files_written: int
    files_unchanged: int
    files_removed: int


def name_of(manifest: Manifest) -> str:
    """`metadata.name` as text; empty where there is none, which is the schema's finding."""
    return str(fields(manifest.get("metadata")).get("name") or "")


def file_path(rendered: RenderedObject) -> str:
    """Where the object stands below the tree: `<folder>/<kind>-<name>.yaml`."""
    return f"{rendered.folder}/{cast('str', rendered.manifest['kind']).lower()}-{name_of(rendered.manifest)}.yaml"


def comment(source: str) -> str:
    """What a rendered file says at its head, without the sign of a comment."""
    return f"Rendered from {source} by `{RENDER_COMMAND}`; edit that, not this file."


def facts_of(text: str) -> str:
    """What the head of a rendered file names; empty for a file that was not rendered."""
    found = re.match(r"# Rendered from (.+) by `[^`]+`; edit that, not this file\.\n", text)
    return found[1] if found else ""


def emit_tree(objects: Iterable[RenderedObject]) -> dict[str, bytes]:
    """Every file by its path below the tree. Raises `ManifestError` when two objects claim one file."""
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    comments: dict[str, str] = {}
    for rendered in objects:
        path = file_path(rendered)
        if path in files:
            findings.append(Finding(path, "", "object-twice", "two objects have this kind and name", "rename one", rendered.source))
        if rendered.source not in comments:
            comments[rendered.source] = comment(rendered.source)
        files[path] = emit(rendered.manifest, comments[rendered.source])
    if findings:
        raise ManifestError(findings)
    return files


def write_trees(trees: Mapping[Path, Mapping[str, bytes]]) -> Written:
    """Makes each folder hold exactly its files. All folders are prepared first, then swapped in by renaming.

    When anything fails, every folder stays (or is put back) as it was. A file with unchanged bytes keeps its inode and
    time. Raises `ManifestError` when a folder is not one of ours.
    """
    folders = {folder.resolve(): files for folder, files in trees.items()}
    if findings := [finding for folder in folders for finding in _place_refusals(folder)]:
        raise ManifestError(findings)
    for folder in folders:
        clear_up_after_the_killed(folder)
    plans = [_Plan(folder, files) for folder, files in folders.items()]
    if findings := [finding for plan in plans for finding in plan.refusals()]:
        raise ManifestError(findings)
    swapped: list[_Plan] = []
    try:
        for plan in plans:
            with naming(plan.folder):
                plan.stage()
        for plan in plans:
            swapped.append(plan)
            plan.swap()
    except BaseException:
        for plan in swapped:
            plan.restore()
        raise
    finally:
        for plan in plans:
            plan.clean_up()
    return Written(sum(plan.written for plan in plans), sum(plan.unchanged for plan in plans), sum(plan.removed for plan in plans))


def _place_refusals(folder: Path) -> Iterator[Finding]:
    """For a place that is not even read: it may be as large as the disk."""
    if Path.cwd().is_relative_to(folder) or (folder / ".git").exists():
        yield _refused(folder, "is, or holds, the folder that is worked in")
    elif folder.exists() and not folder.is_dir():
        yield _refused(folder, "is no folder")


def _refused(folder: Path, problem: str) -> Finding:
    return Finding(str(folder), "", "folder-not-rendered", problem, "name a new or empty folder, or the rendered one")


class _Plan:
    """One folder on its way from what it holds to what it should hold."""

    def __init__(self, folder: Path, files: Mapping[str, bytes]) -> None:
        self.folder = self._folder = folder
        self._files = files
        self._existing = dict(read_files(folder)) if folder.is_dir() else {}
        self._same = {path for path, content in files.items() if self._existing.get(path) == content and not (folder / path).is_symlink()}
        self._staging: Path | None = None
        self._previous: Path | None = None
        self._is_swapped = False
        self._locks: list[int | None] = []
        self.unchanged = len(self._same)
        self.written = len(files) - self.unchanged
        self.removed = len(self._existing.keys() - files.keys())

    def refusals(self) -> Iterator[Finding]:
        ours = {path.rpartition("/")[0] for path, content in self._existing.items() if content.startswith(FIRST_BYTES)}
        foreign = sorted(path for path in self._existing if path.rpartition("/")[0] not in ours)
        if foreign:
            yield _refused(self._folder, f"holds {len(foreign)} files, none of them rendered, such as {foreign[0]}")

    def stage(self) -> None:
        if not self.written and not self.removed:
            return
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._staging = Path(tempfile.mkdtemp(prefix=staging_prefix(self._folder), dir=self._folder.parent))
        self._locks.append(hold(self._staging))
        self._staging.chmod(0o755)  # mkdtemp makes it private; the tree is as public as the checkout
        made: set[str] = set()
        for path, content in self._files.items():
            folder = path.rpartition("/")[0]
            if folder not in made:
                (self._staging / folder).mkdir(parents=True, exist_ok=True)
                made.add(folder)
            target = f"{self._staging}/{path}"
            if path in self._same:
                os.link(f"{self._folder}/{path}", target)
                continue
            with open(target, "wb", buffering=0) as file:  # noqa: PTH123 - Path.open costs as much as the rest of this loop
                file.write(content)

    def swap(self) -> None:
        if self._staging is None:
            return
        if self._folder.is_dir():
            self._previous = self._staging.with_name(f"{self._staging.name}{PREVIOUS}")
            self._locks.append(hold(self._folder))
            self._folder.rename(self._previous)
        self._staging.rename(self._folder)
        self._staging = None
        self._is_swapped = True

    def restore(self) -> None:
        if self._is_swapped:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._previous is not None:
            self._previous.rename(self._folder)
            self._previous = None

    def clean_up(self) -> None:
        for leftover in (self._staging, self._previous):
            if leftover is not None:
                shutil.rmtree(leftover, ignore_errors=True)
        for lock in self._locks:
            if lock is not None:
                os.close(lock)
        self._locks.clear()


def read_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every regular file below `folder` as (path below it, bytes), in no particular order; links are not followed."""
    prefix = len(str(folder)) + 1
    for at, _folders, names in os.walk(folder):
        for name in names:
            with open(f"{at}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - as above
                yield f"{at}/{name}"[prefix:], file.read()
