"""Renders every cluster: `python -m clusters.program render --root . --out gitops/rendered`, or with `check` only compares with what is there.

Prints one line of JSON about what it did or found. Exits with 1 (2 for a file that is not there) and one line per finding on stderr,
leaving every file as it was,
when the inventory or what would be rendered is refused.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import TypeAdapter

from clusters import cluster_tree
from clusters.addons.requests import fulfil, raise_all, read_json, read_request
from clusters.components.serving.images import pinned
from clusters.delivery import removals
from tidegate.contracts.rendering import AddOnsRequest, RenderCheck, RenderSummary
from tidegate.endings import lines_of, program_code
from tidegate.errors import FindingsError, ManifestError, TidegateError
from tidegate.facts import inventory
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.models.images import pins
from tidegate.facts.platform import Platform
from tidegate.manifests.layout import RENDERED
from tidegate.manifests.stale_files import FOREIGN, stale_findings
from tidegate.manifests.tree import emit_tree, write_trees


def render(root: Path, out: Path, embedded: EmbeddedFacts | None = None, add_ons: Sequence[AddOnsRequest] = ()) -> RenderSummary:
    """Renders the inventory of the checkout at `root` into `out`, for the embedded region when its facts are given, and add-ons beside.

    Raises `InventoryError` for bad facts and `ManifestError` for a tenant that would vanish from `out` without a tombstone; then nothing
    has changed. A region's add-ons are written whole or not at all; what is wrong with them is raised when all the rest is written.
    The checkout's own `gitops/rendered`, and what the embedded region is given, have `gitops/bootstrap` beside it, which is then rendered too, in the same stroke.
    """
    written = inventory.load(root)
    platform = embed(written, embedded) if embedded else written
    if findings := removals.without_tombstone(platform, out):
        raise ManifestError(findings)
    gc.disable()  # nothing rendered refers to itself, and looking for cycles among it takes a quarter of the time
    try:
        with ThreadPoolExecutor(len(add_ons) or 1, "add-ons") as beside:
            others = [beside.submit(fulfil, request, written.clusters) for request in add_ons]
            summary = _render(platform, root, out, embedded)
            raise_all([error for other in others if isinstance(error := other.exception(), TidegateError)])
            for other in others:
                other.result()  # a fault
        return summary
    finally:
        gc.enable()


def check(root: Path) -> RenderCheck:
    """Compares `gitops/rendered` and `gitops/bootstrap` of the checkout at `root` with what its inventory renders to; writes nothing.

    What cannot be rendered at all is among the findings.
    """
    gc.disable()
    try:
        platform, out = inventory.load(root), root / RENDERED
        vanished = removals.without_tombstone(platform, out)
        found = [one for folder, files in _trees(platform, root, out, None).items() for one in stale_findings(root, folder, files)]
    except FindingsError as refused:
        return RenderCheck(findings=refused.findings)
    finally:
        gc.enable()
    # Who renders is refused until the tenant has a tombstone: its files are no findings of their own.
    return RenderCheck(findings=(*vanished, *(one for one in found if not (vanished and one.problem == FOREIGN))))


def _trees(platform: Platform, root: Path, out: Path, embedded: EmbeddedFacts | None) -> dict[Path, dict[str, bytes]]:
    digests = embedded.image_digests if embedded else pins(platform.images)
    trees = {out: {**emit_tree(pinned(cluster_tree.objects(platform), digests)), **cluster_tree.emptied_folders(platform)}}
    if embedded or out.resolve() == (root / RENDERED).resolve():
        trees[out.parent / "bootstrap"] = emit_tree(cluster_tree.bootstrap_objects(platform))
    return trees


def _render(platform: Platform, root: Path, out: Path, embedded: EmbeddedFacts | None) -> RenderSummary:
    trees = _trees(platform, root, out, embedded)
    written = write_trees(trees)
    return RenderSummary(
        clusters=len(platform.clusters),
        objects=sum(path.endswith(".yaml") for files in trees.values() for path in files),
        files_written=written.files_written,
        files_unchanged=written.files_unchanged,
        files_removed=written.files_removed,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clusters.program", description="Renders Kubernetes objects from the inventory.")
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser("check", help="tell which rendered files are not what the inventory renders to")
    compare.add_argument("--root", type=Path, required=True, help="the checkout that holds the inventory and the rendered files")
    command = commands.add_parser("render", help="render every cluster into a folder")
    command.add_argument("--root", type=Path, required=True, help="the checkout that holds the inventory")
    command.add_argument("--out", type=Path, required=True, help="the folder that is made to hold exactly the rendered files")
    command.add_argument("--embedded", type=Path, help="render for the embedded region: a JSON file of its facts")
    command.add_argument(
        "--add-ons", type=Path, action="append", default=[], metavar="FILE", help="render a region's add-ons too: JSON of an AddOnsRequest"
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "check":
            sys.stdout.write(f"{check(chosen.root).model_dump_json()}\n")
            return 0
        embedded, add_ons = _read(chosen.embedded, chosen.add_ons)
        summary = render(chosen.root, chosen.out, embedded, add_ons)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw ends with 70, and is not taken for bad input
        sys.stderr.write(f"{lines_of(error)}\n")
        return program_code(error)
    sys.stdout.write(f"{summary.model_dump_json()}\n")
    return 0


def _read(embedded: Path | None, add_ons: Sequence[Path]) -> tuple[EmbeddedFacts | None, list[AddOnsRequest]]:
    refused: list[TidegateError] = []
    facts: EmbeddedFacts | None = None
    requests: list[AddOnsRequest] = []
    for path in [*([embedded] if embedded else []), *add_ons]:
        try:
            if path is embedded:
                facts = read_json(path, TypeAdapter(EmbeddedFacts))
            else:
                requests.append(read_request(path))
        except TidegateError as error:
            refused.append(error)
    raise_all(refused)
    return facts, requests


if __name__ == "__main__":
    raise SystemExit(main())
