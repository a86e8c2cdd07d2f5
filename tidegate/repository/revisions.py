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
from tidegate.errors import InventoryError, ToolError, UsageError
from tidegate.facts import inventory
from tidegate.facts.inventory.prices import load_prices
from tidegate.facts.money import NOTHING, Floor, tenant_floor, warm_floor
from tidegate.facts.platform import Platform
from tidegate.facts.prices import PriceBook
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
    """Compares revision `old` with `new` (default: the files as they are). Both at today's prices.

    Raises `UsageError` for an unknown revision.
    """
    book = load_prices(checkout.root)
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
        tuple(_tenant_changes(platform_before, platform_after, book)),
        _total(platform_before, book),
        _total(platform_after, book),
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


def _tenant_changes(before: Platform, after: Platform, book: PriceBook) -> Iterator[TenantChange]:
    for name in sorted(before.tenants.keys() | after.tenants.keys()):
        was = tenant_floor(before.tenants[name], before.clusters, book) if name in before.tenants else NOTHING
        will_be = tenant_floor(after.tenants[name], after.clusters, book) if name in after.tenants else NOTHING
        if was != will_be:
            yield TenantChange(name, was, will_be)


def _total(platform: Platform, book: PriceBook) -> Floor:
    return sum((tenant_floor(tenant, platform.clusters, book) for tenant in platform.tenants.values()), warm_floor(platform, book))


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
        try:
            tools.run(["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"], cwd=checkout.root)
        except ToolError as error:
            raise UsageError(f"{revision} is no revision of this repository; `git log --oneline` shows some") from error
        present = tools.run(["git", "ls-tree", "-r", "--name-only", revision, "--", *FACTS], cwd=checkout.root).stdout.splitlines()
        folders = [path for path in FACTS if any(file.startswith(f"{path}/") for file in present)]
        if not folders:
            raise UsageError(f"{revision} holds no inventory; choose a later revision")
        tools.run(["git", "archive", "--format=tar", f"--output={archive}", revision, "--", *folders], cwd=checkout.root)
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        yield folder
