"""What of the embedded platform is up right now, read from its sources and never from memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tidegate.checkout import Checkout
from tidegate.cloud import synthesis
from tidegate.cloud.account import Account, own_errors
from tidegate.cloud.state import stores
from tidegate.contracts.stacks import LeftOut, Synthesis
from tidegate.embedded.emulator import find_running
from tidegate.errors import StateError
from tidegate.facts import inventory


@dataclass(frozen=True, slots=True)
class CloudStatus:
    """The emulated account: `resources` counts what all states hold, `by_stack` the same stack by stack."""

    endpoint: str | None
    resources: int
    by_stack: dict[str, int]
    not_applied_locally: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class PlatformStatus:
    """Everything `tidegate status` tells; `rendered_objects` counts the files below `gitops/rendered` by cluster."""

    cloud: CloudStatus
    rendered_objects: dict[str, int]


@own_errors()
def read_status(checkout: Checkout) -> PlatformStatus:
    """The status of this checkout's platform; a platform that is down has an endpoint of None and no resources."""
    rendered = Counter(path.relative_to(checkout.rendered).parts[0] for path in checkout.rendered.rglob("*.yaml"))
    emulator = find_running(checkout)
    if emulator is None:
        return PlatformStatus(CloudStatus(None, 0, {}, ()), dict(sorted(rendered.items())))
    platform = inventory.load(checkout.root)
    by_cluster = stores(platform, Account(emulator.endpoint))
    try:
        known = synthesis.read(checkout.synthesised)
    except StateError:
        known = Synthesis(stacks=(), not_applied_locally=())
    by_stack: dict[str, int] = {}
    for stack in known.stacks:
        store = by_cluster.get(stack.cluster)
        if store and (state := store.read_state(stack.stack)):
            by_stack[stack.name] = len(state.instances)
    cloud = CloudStatus(emulator.endpoint, sum(by_stack.values()), by_stack, known.not_applied_locally)
    return PlatformStatus(cloud, dict(sorted(rendered.items())))
