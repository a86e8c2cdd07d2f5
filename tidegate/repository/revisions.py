"""Compares what two revisions would run: objects, GPUs and floor money, for the reviewer of a pull request."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, ToolError, ToolMissingError, UsageError
from tidegate.facts import inventory
from tidegate.facts.money import NOTHING, Floor, tenant_floor, warm_floor
from tidegate.facts.platform import Platform
from tidegate.manifests.layout import RENDERED

FACTS = ("clusters/inventory", "gitops/tenants", RENDERED)
"""What is read of a revision."""

WORKING_TREE = "working tree"


@dataclass(frozen=True, slots=True)
class TenantChange:
    """One tenant's floors before and after; `before` or `after` is zero for one that comes or goes."""

    tenant: str
    before: Floor
    after: Floor


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changes from `old` to `new`; object names are paths below `gitops/rendered`."""

    old: str
    new: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    tenants: tuple[TenantChange, ...]
    before: Floor
    after: Floor


def compare(checkout: Checkout, old: str, new: str = WORKING_TREE) -> Comparison:
    """Compares revision `old` with `new` (default: the files as they are). Raises `UsageError` for an unknown revision."""
    with _files_of(checkout, old) as before, _files_of(checkout, new) as after:
        objects_before, objects_after = _objects(before), _objects(after)
        platform_before, platform_after = _facts(before, old), _facts(after, new)
    both = objects_before.keys() & objects_after.keys()
    return Comparison(
        old,
        new,
        tuple(sorted(objects_after.keys() - both)),
        tuple(sorted(objects_before.keys() - both)),
        tuple(sorted(path for path in both if objects_before[path] != objects_after[path])),
        tuple(_tenant_changes(platform_before, platform_after)),
        _total(platform_before),
        _total(platform_after),
    )


def _facts(folder: Path, revision: str) -> Platform:
    try:
        return inventory.load(folder)
    except InventoryError as error:
        if revision == WORKING_TREE:
            raise
        first, more = error.findings[0], len(error.findings) - 1
        raise UsageError(
            f"the facts of {revision} are not readable by this version, which asks for others: {first}"
            f"{f' and {more} more' if more else ''}; compare with a later revision"
        ) from error


def _tenant_changes(before: Platform, after: Platform) -> Iterator[TenantChange]:
    for name in sorted(before.tenants.keys() | after.tenants.keys()):
        was = tenant_floor(before.tenants[name]) if name in before.tenants else NOTHING
        will_be = tenant_floor(after.tenants[name]) if name in after.tenants else NOTHING
        if was != will_be:
            yield TenantChange(name, was, will_be)


def _total(platform: Platform) -> Floor:
    return sum((tenant_floor(tenant) for tenant in platform.tenants.values()), warm_floor(platform))


def _objects(root: Path) -> dict[str, bytes]:
    rendered = root / RENDERED
    return {path.relative_to(rendered).as_posix(): path.read_bytes() for path in rendered.rglob("*.yaml")}


@contextmanager
def _files_of(checkout: Checkout, revision: str) -> Generator[Path]:
    """A folder with the facts of `revision`."""
    if revision == WORKING_TREE:
        yield checkout.root
        return
    with tempfile.TemporaryDirectory(prefix="tidegate-revision-") as name:
        folder = Path(name)
        archive = folder / "facts.tar"
        _require_revision(checkout, revision)
        present = _git(checkout, "ls-tree", "-r", "--name-only", revision, "--", *FACTS).splitlines()
        folders = [path for path in FACTS if any(file.startswith(f"{path}/") for file in present)]
        if not folders:
            raise UsageError(f"{revision} holds no inventory; choose a later revision")
        _git(checkout, "archive", "--format=tar", f"--output={archive}", revision, "--", *folders)
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        yield folder


_OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")


def _git(checkout: Checkout, *arguments: str) -> str:
    """What Git prints about this checkout. Raises `UsageError` with Git's own sentence, for example that somebody else owns it."""
    try:
        return tools.run(["git", *arguments], cwd=checkout.root, without=_OF_ANOTHER_REPOSITORY).stdout
    except ToolMissingError:
        raise
    except ToolError as error:
        raise UsageError(f"git: {' '.join(error.stderr.split()).removeprefix('fatal: ')}") from error


def _require_revision(checkout: Checkout, revision: str) -> None:
    if _git(checkout, "rev-parse", "--is-shallow-repository").strip() == "true":
        absent = f"is not in this clone, which is shallow; `git fetch --unshallow origin {revision}:{revision}` brings it"
    else:
        absent = "is no revision of this repository; `git log --oneline` shows some"
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    try:
        tools.run(command, cwd=checkout.root, without=_OF_ANOTHER_REPOSITORY)
    except ToolError as error:
        raise UsageError(f"{revision} {absent}") from error
