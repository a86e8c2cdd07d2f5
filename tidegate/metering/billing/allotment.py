"""Divides a stretch of a node's time among who holds room on it. Whole microseconds, and every one goes to exactly one owner.

A pod's share is the largest of its shares of the node's allocatable resources: whoever holds the only card, or all of the
memory, keeps others out as surely as if it held everything. Where the shares come to more than the node, they are scaled
down to it and nothing is idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidegate.metering.billing.events import GPU_PREFIX, Amounts

WHOLE = 1_000_000_000
"""A whole node in the parts that shares are counted in; far finer than a thousandth of a core of any machine."""


class Owner(StrEnum):
    """Who pays."""

    TENANT = "tenant"
    SHARED = "shared"
    """The platform's own pods: overhead of everybody."""
    IDLE = "idle"
    """Room that nobody holds."""


class Reason(StrEnum):
    """Why room was held."""

    SERVING = "serving"
    """Takes requests, and is there because of them."""
    WARM_FLOOR = "warm-floor"
    """Would be there without any caller."""
    COLD_START = "cold-start"
    """Not ready yet: a pod that pulls its image and loads its model, or a node that boots."""
    IDLE = "idle"
    """Nobody holds it."""
    PLATFORM = "platform"
    """The platform's own pods."""


@dataclass(frozen=True, slots=True, order=True)
class TenantAccount:
    """To whom, for which model and why; the unit in which time is counted."""

    owner: Owner
    reason: Reason
    tenant: str = ""
    model: str = ""


def node_share(requests: Amounts, allocatable: Amounts) -> int:
    """The largest share of any resource, in parts of `WHOLE`; 0 for a pod that asks for nothing."""
    return _largest(requests, allocatable, "")


def card_share(requests: Amounts, allocatable: Amounts) -> int:
    """The share of the node's cards, in parts of `WHOLE`."""
    return _largest(requests, allocatable, GPU_PREFIX)


def _largest(requests: Amounts, allocatable: Amounts, prefix: str) -> int:
    return max(
        (
            amount * WHOLE // allocatable[resource]
            for resource, amount in requests.items()
            if resource.startswith(prefix) and allocatable.get(resource, 0) > 0
        ),
        default=0,
    )


def divide(total: int, shares: Sequence[int]) -> list[int]:
    """`total` among `shares` (parts of `WHOLE`) and, last, what is left to nobody. The parts add up to `total` exactly."""
    return apportion(total, [*shares, max(WHOLE - sum(shares), 0)])


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole numbers, proportional to `weights`, adding up exactly.

    What rounding down leaves goes to the largest remainders, of equal ones to the first. `total` and the weights are not
    negative, and one weight at least is positive.
    """
    sum_of_weights = sum(weights)
    parts = [total * weight // sum_of_weights for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(total * weights[index] % sum_of_weights), index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
