"""Compares what two revisions would run: objects, GPUs and floor money, for the reviewer of a pull request."""

from __future__ import annotations

import tarfile
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, ManifestError, ToolError, ToolMissingError, UsageError
from tidegate.facts import inventory
from tidegate.facts.cluster import Cluster
from tidegate.facts.inventory.prices import load_prices
from tidegate.facts.money import HOURS_PER_MONTH, NOTHING, Floor, tenant_floor, warm_floor
from tidegate.facts.prices.tables import PriceBook, tariff_of
from tidegate.manifests.budgets import nodes_of, require_prices
from tidegate.manifests.fit.standing import StandingNode, usd_per_month_by_tenant
from tidegate.manifests.layout import RENDERED
from tidegate.manifests.validate import read_rendered

FACTS = ("clusters/inventory", "gitops/tenants", RENDERED)
"""What is read of a revision."""

WORKING_TREE = "working tree"


@dataclass(frozen=True, slots=True)
class TenantChange:
    """One tenant's floors before and after; `before` or `after` is zero for one that comes or goes.

    A tenant whose own floors are as they were may change, too: it shares nodes with others.
    """

    tenant: str
    before: Floor
    after: Floor


@dataclass(frozen=True, slots=True)
class NodeChange:
    """Nodes of one kind that floors keep alive, before and after."""

    cluster: str
    pool: str
    instance_type: str
    capacity: str
    before: int
    after: int
    usd_per_month_before: float
    usd_per_month_after: float
    """Of all of them, around the clock."""


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
    nodes: tuple[NodeChange, ...]
    """All nodes that floors keep alive, changed or not."""
    prices: tuple[str, ...]
    """Whose prices each cluster has, a line for each."""


def compare(checkout: Checkout, old: str, new: str = WORKING_TREE) -> Comparison:
    """Compares revision `old` with `new` (default: the files as they are). Both at today's prices.

    Raises `UsageError` for a revision that is unknown or cannot be reckoned, `FindingsError` for files of the working tree that cannot.
    """
    book = load_prices(checkout.root)
    with _files_of(checkout, old) as before, _files_of(checkout, new) as after:
        objects_before, objects_after = _objects(before), _objects(after)
        was, will_be = _side(before, old, book), _side(after, new, book)
    both = objects_before.keys() & objects_after.keys()
    return Comparison(
        old,
        new,
        tuple(sorted(objects_after.keys() - both)),
        tuple(sorted(objects_before.keys() - both)),
        tuple(sorted(path for path in both if objects_before[path] != objects_after[path])),
        tuple(_tenant_changes(was, will_be)),
        was.total,
        will_be.total,
        tuple(_node_changes(was.nodes, will_be.nodes)),
        tuple(tariff_of(book, will_be.clusters).described(tuple(sorted(will_be.clusters)))),
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """One revision's floors."""

    clusters: Mapping[str, Cluster]
    tenants: Mapping[str, Floor]
    total: Floor
    nodes: Sequence[StandingNode]


def _side(folder: Path, revision: str, book: PriceBook) -> _Side:
    try:
        return _reckoned(folder, book)
    except (InventoryError, ManifestError) as error:
        if revision == WORKING_TREE:
            raise
        first, more = error.findings[0], len(error.findings) - 1
        raise UsageError(
            f"{revision} cannot be reckoned by this version, which asks for other files: {first}{f' and {more} more' if more else ''}; "
            "compare with a later revision"
        ) from error


def _reckoned(folder: Path, book: PriceBook) -> _Side:
    platform = inventory.load(folder)
    require_prices(platform, book)
    nodes = nodes_of(platform, read_rendered(folder), book)
    whole = usd_per_month_by_tenant(nodes)
    tenants = {
        name: tenant_floor(tenant, platform.clusters, book) + _whole(whole.get(name, Fraction(0)))
        for name, tenant in platform.tenants.items()
    }
    # Rounded once: what tenants keep and what the platform keeps add up to the nodes.
    shares = sum((tenant_floor(tenant, platform.clusters, book) for tenant in platform.tenants.values()), warm_floor(platform, book))
    return _Side(platform.clusters, tenants, shares + _whole(sum(whole.values(), Fraction(0))), nodes)


def _whole(usd: Fraction) -> Floor:
    return Floor(0, 0, round(float(usd), 2))


def _tenant_changes(before: _Side, after: _Side) -> Iterator[TenantChange]:
    for name in sorted(before.tenants.keys() | after.tenants.keys()):
        was, will_be = before.tenants.get(name, NOTHING), after.tenants.get(name, NOTHING)
        if was != will_be:
            yield TenantChange(name, was, will_be)


def _node_changes(before: Sequence[StandingNode], after: Sequence[StandingNode]) -> Iterator[NodeChange]:
    counts = [Counter((node.cluster, node.pool, node.instance_type, node.capacity.value) for node in side) for side in (before, after)]
    prices = {(node.cluster, node.pool, node.instance_type, node.capacity.value): node.usd_per_hour for node in (*before, *after)}
    for kind, usd_per_hour in sorted(prices.items()):
        usd = [round(float(usd_per_hour * HOURS_PER_MONTH * count[kind]), 2) for count in counts]
        yield NodeChange(*kind, counts[0][kind], counts[1][kind], *usd)


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
        require_revision(checkout, revision)
        present = git(checkout, "ls-tree", "-r", "--name-only", revision, "--", *FACTS).splitlines()
        folders = [path for path in FACTS if any(file.startswith(f"{path}/") for file in present)]
        if not folders:
            raise UsageError(f"{revision} holds no inventory; choose a later revision")
        git(checkout, "archive", "--format=tar", f"--output={archive}", revision, "--", *folders)
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        yield folder


_OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")


def git(checkout: Checkout, *arguments: str) -> str:
    """What Git prints about this checkout. Raises `UsageError` with Git's own sentence, for example that somebody else owns it."""
    try:
        return tools.run(["git", *arguments], cwd=checkout.root, without=_OF_ANOTHER_REPOSITORY).stdout
    except ToolMissingError:
        raise
    except ToolError as error:
        raise UsageError(f"git: {' '.join(error.stderr.split()).removeprefix('fatal: ')}") from error


def require_revision(checkout: Checkout, revision: str) -> None:
    """Raises `UsageError` for a revision that this repository, or this shallow clone, does not have."""
    if git(checkout, "rev-parse", "--is-shallow-repository").strip() == "true":
        absent = f"is not in this clone, which is shallow; `git fetch --unshallow origin {revision}:{revision}` brings it"
    else:
        absent = "is no revision of this repository; `git log --oneline` shows some"
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    try:
        tools.run(command, cwd=checkout.root, without=_OF_ANOTHER_REPOSITORY)
    except ToolError as error:
        raise UsageError(f"{revision} {absent}") from error
