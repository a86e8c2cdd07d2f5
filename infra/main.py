"""The cdktf app: every stack of every cluster, and `tidegate.json`, the list of them that operations read.

Run as `python -m infra.main`, which is what `cdktf synth` does; `CDKTF_OUTDIR` names the folder (default `cdktf.out`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from infra._cdk import App
from infra.constructs.stack import Stack
from infra.not_applied_locally import NOT_APPLIED_STACKS
from infra.stacks import accelerators, bootstrap, cluster, edge, identity, network, registry, replication, state
from infra.target import Target, target_of
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

LISTING = "tidegate.json"


@dataclass(frozen=True, slots=True)
class StackEntry:
    """One stack as `tidegate.json` lists it."""

    name: str
    cluster: str
    stack: str
    region: str
    depends_on: list[str]
    """Full names of the stacks that must be applied before it."""
    resources: int
    """How many resources its Terraform JSON holds; data sources do not count."""
    applied_locally: bool


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
    listing = {
        "stacks": [asdict(entry) for entry in in_dependency_order(_entries(platform, stacks, outdir))],
        "not_applied_locally": sorted(_not_applied(platform, stacks), key=lambda entry: list(entry.values())),
    }
    (outdir / LISTING).write_text(json.dumps(listing, indent=2) + "\n", encoding="utf-8")


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
            depends_on = sorted(stacks[name].producers if name in stacks else others)
            resources = _count_resources(outdir / "stacks" / name / "cdk.tf.json") if name in stacks else 0
            yield StackEntry(name, facts.name, short, facts.region, depends_on, resources, short not in NOT_APPLIED_STACKS)


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


def _not_applied(platform: Platform, stacks: Mapping[str, Stack]) -> Iterator[dict[str, str]]:
    for stack in stacks.values():
        for resource_type, name, reason in stack.left_out:
            yield {"cluster": stack.cluster.name, "stack": stack.name, "type": resource_type, "name": name, "reason": reason}
    for short, (reason, resources) in NOT_APPLIED_STACKS.items():
        for cluster_name in platform.clusters:
            for resource_type, name in resources:
                yield {"cluster": cluster_name, "stack": short, "type": resource_type, "name": name, "reason": reason}


def main() -> None:
    """Synthesises the checkout this module lies in, for the target the environment describes."""
    root = Path(__file__).resolve().parent.parent
    outdir = Path(os.environ.get("CDKTF_OUTDIR") or root / "cdktf.out")
    synthesise(inventory.load(root), target_of(os.environ), outdir)


if __name__ == "__main__":
    main()
