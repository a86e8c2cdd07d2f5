"""Renders every cluster: `python -m clusters.program render --root . --out gitops/rendered`.

Prints one line of JSON about what it did. Exits with 1 and one line per finding on stderr, leaving every file as it was,
when the inventory or what would be rendered is refused.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from clusters import cluster_tree
from clusters.components.serving.images import pinned
from clusters.delivery import removals
from tidegate.errors import FindingsError, ManifestError
from tidegate.facts import inventory
from tidegate.facts.embedding import Embedding, embed
from tidegate.facts.platform import Platform
from tidegate.manifests.tree import emit_tree, write_trees


@dataclass(frozen=True, slots=True)
class RenderSummary:
    """What one run rendered and wrote."""

    clusters: int
    objects: int
    files_written: int
    files_unchanged: int
    files_removed: int


def render(root: Path, out: Path, embedding: Embedding | None = None) -> RenderSummary:
    """Renders the inventory of the checkout at `root` into `out`, for the embedded region when its facts are given.

    Raises `InventoryError` for bad facts and `ManifestError` for a tenant that would vanish from `out` without a tombstone; then nothing
    has changed.
    The checkout's own `gitops/rendered`, and what the embedded region is given, have `gitops/bootstrap` beside it, which is then rendered too, in the same stroke.
    """
    platform = inventory.load(root)
    if embedding:
        platform = embed(platform, embedding)
    if findings := removals.without_tombstone(platform, out):
        raise ManifestError(findings)
    gc.disable()  # nothing rendered refers to itself, and looking for cycles among it takes a quarter of the time
    try:
        return _render(platform, root, out, embedding)
    finally:
        gc.enable()


def _render(platform: Platform, root: Path, out: Path, embedding: Embedding | None) -> RenderSummary:
    digests = embedding.image_digests if embedding else {}
    objects = emit_tree(pinned(cluster_tree.objects(platform), digests))
    bootstrap: dict[str, bytes] = {}
    trees: dict[Path, dict[str, bytes]] = {out: {**objects, **cluster_tree.emptied_folders(platform)}}
    if embedding or out.resolve() == (root / "gitops" / "rendered").resolve():
        bootstrap = trees[out.parent / "bootstrap"] = emit_tree(cluster_tree.bootstrap_objects(platform))
    written = write_trees(trees)
    return RenderSummary(
        clusters=len(platform.clusters),
        objects=len(objects) + len(bootstrap),
        files_written=written.files_written,
        files_unchanged=written.files_unchanged,
        files_removed=written.files_removed,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clusters.program", description="Renders Kubernetes objects from the inventory.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("render", help="render every cluster into a folder")
    command.add_argument("--root", type=Path, required=True, help="the checkout that holds the inventory")
    command.add_argument("--out", type=Path, required=True, help="the folder that is made to hold exactly the rendered files")
    command.add_argument("--embedding", type=Path, help="render for the embedded region: a JSON file of its facts")
    chosen = parser.parse_args(arguments)
    try:
        embedding = Embedding.model_validate_json(chosen.embedding.read_bytes()) if chosen.embedding else None
        summary = render(chosen.root, chosen.out, embedding)
    except FindingsError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(summary)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
