"""The cdktf app: every stack of every cluster, and `tidegate.json`, the list of them that operations read.

Run as `python -m infra.main`, which is what `cdktf synth` does; `CDKTF_OUTDIR` names the folder (default `cdktf.out`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from infra._cdk import App
from infra.constructs.stack import Stack
from infra.not_applied_locally import NOT_APPLIED_STACKS
from infra.stacks import accelerators, bootstrap, cluster, edge, identity, network, registry, replication, state
from infra.target import Target, target_of
from tidegate.contracts.stacks import LISTING, LeftOut, StackEntry, Synthesis
from tidegate.endings import lines_of, program_code
from tidegate.errors import UsageError
from tidegate.facts import cloud_names, inventory
from tidegate.facts.platform import Platform

STACKS: dict[str, Callable[[Stack], None]] = {
    "state": state.build,
    "network": network.build,
    "cluster": cluster.build,
    "accelerators": accelerators.build,
    "registry": registry.build,
    "replication": replication.build,
    "identity": identity.build,
    "edge": edge.build,
    "bootstrap": bootstrap.build,
}
"""Every stack by its short name; each cluster has all of them."""


def synthesise(platform: Platform, target: Target, outdir: Path) -> None:
    """Writes the Terraform JSON of every stack, and the listing, below `outdir`.

    In emulated mode a stack that is never applied locally is listed, but not written.
    """
    app = App(outdir=str(outdir))
    stacks = {cloud_names.stack(stack.cluster.name, stack.name): stack for stack in _stacks(app, platform, target)}
    for stack in stacks.values():
        for producer in stack.producers:
            # `cdktf deploy` takes its order from this; our own operations from the listing.
            stack.add_dependency(stacks[producer])
    app.synth()
    listing = Synthesis(
        stacks=tuple(in_dependency_order(_entries(platform, stacks, outdir))),
        not_applied_locally=tuple(sorted(_not_applied(platform, stacks), key=lambda one: (one.cluster, one.stack, one.type, one.name))),
    )
    (outdir / LISTING).write_text(listing.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _stacks(app: App, platform: Platform, target: Target) -> Iterator[Stack]:
    for name, build in STACKS.items():
        if target.is_emulated and name in NOT_APPLIED_STACKS:
            continue
        for facts in platform.clusters.values():
            stack = Stack(app, platform, facts, name, target)
            build(stack)
            yield stack


def _entries(platform: Platform, stacks: Mapping[str, Stack], outdir: Path) -> Iterator[StackEntry]:
    for short in STACKS:
        for facts in platform.clusters.values():
            name = cloud_names.stack(facts.name, short)
            # What is not synthesised comes after all the rest of its cluster.
            others = [cloud_names.stack(facts.name, other) for other in STACKS if other != short]
            depends_on = tuple(sorted(stacks[name].producers if name in stacks else others))
            resources = _count_resources(outdir / "stacks" / name / "cdk.tf.json") if name in stacks else 0
            yield StackEntry(
                name=name, cluster=facts.name, stack=short, region=facts.region, depends_on=depends_on, resources=resources,
                applied_locally=short not in NOT_APPLIED_STACKS,
            )  # fmt: skip


def _count_resources(path: Path) -> int:
    document = cast("dict[str, dict[str, dict[str, object]]]", json.loads(path.read_text(encoding="utf-8")))
    return sum(len(by_name) for by_name in document.get("resource", {}).values())


def in_dependency_order(entries: Iterable[StackEntry]) -> list[StackEntry]:
    """`entries`, each after all it depends on; otherwise in the order given."""
    waiting = {entry.name: entry for entry in entries}
    ordered: dict[str, StackEntry] = {}
    while waiting:
        ready = [name for name, entry in waiting.items() if all(producer in ordered for producer in entry.depends_on)]
        if not ready:
            raise UsageError(f"stacks depend on each other in a circle: {', '.join(waiting)}")
        for name in ready:
            ordered[name] = waiting.pop(name)
    return list(ordered.values())


def _not_applied(platform: Platform, stacks: Mapping[str, Stack]) -> Iterator[LeftOut]:
    for stack in stacks.values():
        for resource_type, name, reason in stack.left_out:
            yield LeftOut(cluster=stack.cluster.name, stack=stack.name, type=resource_type, name=name, reason=reason)
    for short, (reason, resources) in NOT_APPLIED_STACKS.items():
        for cluster_name in platform.clusters:
            for resource_type, name in resources:
                yield LeftOut(cluster=cluster_name, stack=short, type=resource_type, name=name, reason=reason)


def main() -> int:
    """Synthesises the checkout this module lies in, for the target the environment describes; returns the exit code."""
    root = Path(__file__).resolve().parent.parent
    outdir = Path(os.environ.get("CDKTF_OUTDIR") or root / "cdktf.out")
    try:
        synthesise(inventory.load(root), target_of(os.environ), outdir)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw ends with 70, and is not taken for bad input
        sys.stderr.write(f"{lines_of(error)}\n")
        return program_code(error)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
