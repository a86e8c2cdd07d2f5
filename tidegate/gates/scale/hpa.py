"""What Kubernetes' own autoscaler on CPU (the HorizontalPodAutoscaler) would have asked for on the same requests. Computed, never run.

The documented algorithm with its defaults. Three things are taken in its favour: each request costs the same CPU, so that its signal is as clean as
ours; its target is set so that a replica carries as many requests as under Knative's; and it sees CPU at once, though a metrics server
is up to 15 s behind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

SYNC_SECONDS = 15
"""Between two decisions, and the time over which CPU is averaged: `--horizontal-pod-autoscaler-sync-period`, metrics-server's resolution."""

TOLERANCE = 0.1
"""A ratio nearer to 1 changes nothing."""

DOWN_SECONDS = 300
"""Of all that was computed within this time the most counts."""

UP_PODS, UP_FACTOR = 4, 2.0
"""In one sync it grows by so many pods or so many times, whichever gives more."""


def wanted_replicas(
    per_second: Sequence[float], carried: float, *, floor: int, ceiling: int, first_sync: int = SYNC_SECONDS
) -> list[tuple[int, int]]:
    """(second, replicas asked for) at each sync, from the requests of every second; a replica at its target carries `carried` of them.

    `first_sync` is when it decides first: where in its period a step falls is chance.
    """
    current = floor
    computed: list[tuple[int, int]] = []
    found: list[tuple[int, int]] = []
    for now in range(first_sync, len(per_second) + 1, SYNC_SECONDS):
        seen = per_second[max(0, now - SYNC_SECONDS) : now]
        ratio = sum(seen) / len(seen) / (current * carried)
        raw = current if abs(ratio - 1) <= TOLERANCE else math.ceil(current * ratio - 1e-9)
        computed.append((now, raw))
        recent = max(replicas for second, replicas in computed if second > now - DOWN_SECONDS)
        most = max(current + UP_PODS, math.ceil(current * UP_FACTOR))
        current = min(max(raw if raw > current else min(recent, current), floor), ceiling, most)
        found.append((now, current))
    return found


def seconds_until(
    per_second: Sequence[float], carried: float, step: float, enough: int, *, floor: int, ceiling: int
) -> tuple[float, float] | None:
    """From `step` until it asks for `enough`: the least and the most, by where in its period the step falls; None when it never does."""
    found: list[float] = []
    for first_sync in range(1, SYNC_SECONDS + 1):
        asked = wanted_replicas(per_second, carried, floor=floor, ceiling=ceiling, first_sync=first_sync)
        before = [replicas for second, replicas in asked if second <= step]
        if before and before[-1] >= enough:
            found.append(0.0)
            continue
        reached = next((second for second, replicas in asked if second > step and replicas >= enough), None)
        if reached is None:
            return None
        found.append(reached - step)
    return min(found), max(found)
