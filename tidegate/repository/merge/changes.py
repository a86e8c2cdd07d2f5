"""Reads what a pull request changes: both trees, and from them what differs and which gates that needs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.errors import Finding, InventoryError
from tidegate.facts.inventory import load_folder_findings
from tidegate.facts.inventory.catalogue import load_catalogue
from tidegate.facts.inventory.profiles import PROFILES, load_profiles
from tidegate.facts.models.embedded_profile import EmbeddedProfile
from tidegate.facts.platform import Platform
from tidegate.gates.change.difference import Change, Side, find_changes
from tidegate.gates.change.files import ChangedFile
from tidegate.gates.change.picking import Picked, judged_models, pick
from tidegate.manifests.layout import RENDERED
from tidegate.repository.merge.git import Ends, changed_files, extract, find_ends, lend_environments

_FACTS = ("clusters/inventory", "gitops/tenants", "gitops/tombstones", "gitops/catalogue", PROFILES.as_posix())
_SHOWN = 5
"""So many uncommitted files are named in a note."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The judged tree as a checkout, its facts (None when they cannot be read) and what is wrong with them."""

    checkout: Checkout
    platform: Platform | None
    findings: tuple[Finding, ...]
    profiles: Mapping[str, EmbeddedProfile] | None
    """By `<tenant>/<model>`; None when they cannot be read, which stands among the findings."""

    @property
    def side(self) -> Side | None:
        """What is compared."""
        return Side(self.platform, self.profiles) if self.platform else None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A change, read."""

    checkout: Checkout
    """Where the repository is; the judged tree may be elsewhere."""
    ends: Ends
    files: tuple[ChangedFile, ...]
    changes: tuple[Change, ...]
    picked: tuple[Picked, ...]
    tree: Tree
    facts_sha256: str
    """Of every fact and rendered object that is judged: the same after a squash, which makes other commits."""

    @property
    def models(self) -> tuple[str, ...]:
        """Every `<tenant>/<model>` that the change is about."""
        return judged_models(self.changes, self.tree.platform)

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants of the judged tree that the change is about."""
        named = {change.tenant for change in self.changes}
        known = sorted(self.tree.platform.tenants) if self.tree.platform else []
        return tuple(name for name in known if "" in named or name in named)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of what was judged."""
        return tuple(_notes(self))


@contextmanager
def read_pull_request(checkout: Checkout, base: str, head: str | None = None) -> Generator[PullRequest]:
    """The change from where it left `base` to `head` (None: the files as they are); its tree is there inside only.

    The checkout stays as it is. Raises `UsageError` for revisions that cannot be compared.
    """
    ends = find_ends(checkout, base, head)
    files = changed_files(checkout, ends)
    with tempfile.TemporaryDirectory(prefix="tidegate-base-") as old, tempfile.TemporaryDirectory(prefix="tidegate-head-") as new:
        extract(checkout, ends.base, Path(old), *_FACTS)
        here = checkout
        if not ends.is_working_tree:
            extract(checkout, ends.head, Path(new))
            here = lend_environments(checkout, Path(new))
        before, tree = read_tree(Checkout(Path(old))), read_tree(here)
        changes = find_changes(before.side, tree.side, files)
        yield PullRequest(checkout, ends, files, changes, pick(changes, tree.platform), tree, _digest(here.root))


def read_tree(checkout: Checkout) -> Tree:
    """The facts of a checkout, with everything that is wrong with them."""
    platform, findings = load_folder_findings(checkout.root)
    found, profiles = [*findings], None
    if platform:
        try:
            profiles = load_profiles(checkout.root, platform)
        except InventoryError as error:
            found += error.findings
    try:
        catalogue = load_catalogue(checkout.root)
    except InventoryError as error:
        return Tree(checkout, platform, (*found, *error.findings), profiles)
    return Tree(checkout, replace(platform, catalogue=catalogue) if platform else None, tuple(found), profiles)


def _digest(root: Path) -> str:
    found = hashlib.sha256()
    for folder in (*_FACTS, RENDERED):
        for path in sorted(path for path in (root / folder).rglob("*") if path.is_file()):
            found.update(f"{path.relative_to(root).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def _notes(change: PullRequest) -> Generator[str]:
    if not change.files:
        yield "nothing differs from the base, so no gate is needed"
    elif not change.changes:
        yield f"{len(change.files)} files differ, all of them documents, tests or files of CI: no gate is needed, and no load was sent"
    if not (loose := change.ends.uncommitted):
        return
    named = ", ".join(loose[:_SHOWN]) + (f" and {len(loose) - _SHOWN} more" if len(loose) > _SHOWN else "")
    if change.ends.is_working_tree:
        yield f"judged as they are in the working tree, committed nowhere: {named}; commit them and judge again before merging"
    else:
        yield f"not judged, because no commit holds them: {named}"
