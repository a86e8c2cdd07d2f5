"""Many models that start at once: in which order they are let in, and a simulation of what that changes.

Models that come up together share what feeds them: every node's volume and the registry's way out. Each is then slower, and one
that is slower than its deadline is given up, with all that was fetched for it. So a release lets them in by waves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.facts.cold_start import DISK_GIB_PER_SECOND, LOAD_GIB_PER_SECOND, deadline_of
from tidegate.facts.tenant import Tenant

START_AT_ONCE = 25
"""Models of one tenant that a release starts together. In the simulation below, of 200 models on 25 nodes, that is one for each
node: half of the models answer earlier than without waves, the first ones in a third of the time, and none is given up."""


def start_waves(tenant: Tenant) -> dict[str, int]:
    """The wave of each model, from 0: those that callers wait for (with a floor) first, then by name."""
    order = sorted(tenant.models, key=lambda name: (tenant.models[name].scaling.min_replicas == 0, name))
    return {name: rank // START_AT_ONCE for rank, name in enumerate(order)}


@dataclass(frozen=True, slots=True)
class Storm:
    """A release of equal models onto nodes that are not there yet; sizes in GiB, times in seconds."""

    models: int = 200
    nodes: int = 25
    """Models are dealt out over them in turn."""
    node_seconds: float = 180
    image_gib: float = 22
    weights_gib: float = 12
    start_seconds: float = 120
    registry_gib_per_second: float = 2.5
    """What registry and object store give all nodes together: 20 Gbit/s."""
    attempts: int = 3
    """How often a model that was given up is tried again, with the next wave."""

    @property
    def deadline_seconds(self) -> int:
        """What follows from the budget of one model that starts alone."""
        copied = self.weights_gib / DISK_GIB_PER_SECOND + self.weights_gib / LOAD_GIB_PER_SECOND
        return deadline_of(self.node_seconds + self.image_gib / DISK_GIB_PER_SECOND + copied + self.start_seconds)


@dataclass(frozen=True, slots=True)
class StormResult:
    """What came of it: seconds from the release until each model answered, in order; attempts given up; GiB fetched."""

    up_after: tuple[float, ...]
    given_up: int
    fetched_gib: float
    wasted_gib: float

    def share_up_by(self, share: float) -> float:
        """When that share of the models answered, in seconds; infinite if it never was."""
        index = math.ceil(share * len(self.up_after)) - 1
        return self.up_after[index]


@dataclass(slots=True)
class _Start:
    """One attempt of one model."""

    model: int
    node: int
    began: float
    fetched: float = 0.0
    loaded_at: float = math.inf


@dataclass(slots=True)
class _Nodes:
    """When each node is ready, and how much of the image is on it."""

    ready_at: dict[int, float] = field(default_factory=dict[int, float])
    image: Counter[int] = field(default_factory=Counter[int])


def simulate(storm: Storm, at_once: int | None = None) -> StormResult:
    """Runs the storm second by second, `at_once` models to a wave (default: all), the next wave when one is over; draws no lots.

    A node's volume is shared by what is written to it, images before weights, and all nodes share the registry. An attempt that
    was given up leaves the image on its node, and fetches the weights again.
    """
    waiting = [(model, 1) for model in range(storm.models)]
    up_after = [math.inf] * storm.models
    given_up, wasted, fetched, now = 0, 0.0, 0.0, 0.0
    nodes = _Nodes()
    while waiting:
        wave, waiting = waiting[: at_once or len(waiting)], waiting[at_once or len(waiting) :]
        tries = dict(wave)
        starts = [_Start(model, model % storm.nodes, now) for model in tries]
        for start in starts:
            nodes.ready_at.setdefault(start.node, now + storm.node_seconds)
        while starts:
            now += 1
            fetched += _fetch(storm, nodes, starts, now)
            still: list[_Start] = []
            for start in starts:
                if start.loaded_at <= now:
                    up_after[start.model] = now
                elif now - start.began >= storm.deadline_seconds:
                    given_up += 1
                    wasted += start.fetched
                    if tries[start.model] < storm.attempts:
                        waiting.append((start.model, tries[start.model] + 1))
                else:
                    still.append(start)
            starts = still
    return StormResult(tuple(sorted(up_after)), given_up, round(fetched, 1), round(wasted, 1))


def _fetch(storm: Storm, nodes: _Nodes, starts: Sequence[_Start], now: float) -> float:
    """What one second brings to all nodes."""
    pulling = sorted({one.node for one in starts if nodes.ready_at[one.node] < now and nodes.image[one.node] < 1000 * storm.image_gib})
    copying = [one for one in starts if nodes.image[one.node] >= 1000 * storm.image_gib and one.fetched < storm.weights_gib]
    on_node = Counter(one.node for one in copying)
    wanted = DISK_GIB_PER_SECOND * (len(pulling) + len(on_node))
    fair = min(1.0, storm.registry_gib_per_second / wanted) if wanted else 0.0
    for node in pulling:
        nodes.image[node] += round(1000 * DISK_GIB_PER_SECOND * fair)
    for one in copying:
        one.fetched += DISK_GIB_PER_SECOND * fair / on_node[one.node]
        if one.fetched >= storm.weights_gib:
            one.loaded_at = now + storm.start_seconds + storm.weights_gib / LOAD_GIB_PER_SECOND
    return wanted * fair
