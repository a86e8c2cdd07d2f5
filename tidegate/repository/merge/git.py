"""What Git says about a pull request: the commits, the files that differ, and a tree of a revision in a folder of its own."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import ToolError, UsageError
from tidegate.gates.change.files import ChangedFile
from tidegate.repository.revisions import git, require_revision


@dataclass(frozen=True, slots=True)
class Ends:
    """Between what and what a change lies."""

    base: str
    """The commit at which the change left its base: where it is merged, nothing older counts as changed."""
    head: str
    """The commit that is judged, or the last one below the working tree."""
    is_working_tree: bool
    uncommitted: tuple[str, ...]
    """Files of the working tree that no commit holds as they are."""


def find_ends(checkout: Checkout, base: str, head: str | None) -> Ends:
    """The ends of a change from `base` to `head` (None: the working tree).

    Raises `UsageError` for a revision that is not there, and for two without a common commit.
    """
    for revision in (base, head):
        if revision is not None:
            require_revision(checkout, revision)
    judged = git(checkout, "rev-parse", "--verify", "--end-of-options", f"{head or 'HEAD'}^{{commit}}").strip()
    try:
        common = git(checkout, "merge-base", base, judged).strip()
    except UsageError:
        common = ""
    if not common:
        shallow = git(checkout, "rev-parse", "--is-shallow-repository").strip() == "true"
        remedy = (
            "this clone is shallow; `git fetch --unshallow` brings the rest" if shallow else "name the branch that it shall be merged into"
        )
        raise UsageError(f"{base} and {head or 'HEAD'} have no commit in common, so what changed cannot be said; {remedy}")
    return Ends(common, judged, head is None, _uncommitted(checkout))


def _uncommitted(checkout: Checkout) -> tuple[str, ...]:
    changed = git(checkout, "diff", "--name-only", "--no-renames", "-z", "HEAD").split("\0")
    return tuple(sorted({path for path in (*changed, *_untracked(checkout)) if path}))


def _untracked(checkout: Checkout) -> list[str]:
    return git(checkout, "ls-files", "--others", "--exclude-standard", "-z").split("\0")


def changed_files(checkout: Checkout, ends: Ends) -> tuple[ChangedFile, ...]:
    """Every file that differs between the ends, renames as one."""
    against = [] if ends.is_working_tree else [ends.head]
    words = git(checkout, "diff", "--name-status", "--find-renames", "-z", ends.base, *against, "--").split("\0")
    found: list[ChangedFile] = []
    at = 0
    while at < len(words) and words[at]:
        status, first = words[at], words[at + 1]
        if status[0] in "RC":
            found.append(ChangedFile(first if status[0] == "R" else "", words[at + 2]))
            at += 3
            continue
        found.append(ChangedFile("" if status[0] == "A" else first, "" if status[0] == "D" else first))
        at += 2
    if ends.is_working_tree:
        found += [ChangedFile("", path) for path in _untracked(checkout) if path]
    return tuple(sorted(found, key=lambda file: file.paths))


def extract(checkout: Checkout, revision: str, folder: Path, *paths: str) -> None:
    """Puts the files of `revision` (all, or those below `paths`) into the empty `folder`; the checkout stays as it is."""
    present = [path for path in paths if git(checkout, "ls-tree", "--name-only", revision, "--", path).strip()]
    if paths and not present:
        raise UsageError(f"{revision} holds no inventory; choose a later revision")
    archive = folder / ".archive.tar"
    git(checkout, "archive", "--format=tar", f"--output={archive}", revision, "--", *present)
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    archive.unlink()


def lend_environments(checkout: Checkout, folder: Path) -> Checkout:
    """The extracted tree at `folder` as a checkout, with the programs of `checkout`."""
    for name in (".venv", "node_modules"):
        if (checkout.root / name).exists() and not (folder / name).exists():
            (folder / name).symlink_to(checkout.root / name)
    return Checkout(folder)


def version_of(program: str) -> str:
    """The first line that a program says of itself; empty when it is not there."""
    try:
        return tools.run([program, "--version"]).stdout.splitlines()[0].strip()
    except (ToolError, IndexError):
        return ""
