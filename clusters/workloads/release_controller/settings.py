"""Where a replica runs and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass, field

LEASE = "release-controller"


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds of the Lease. `held` is shorter than `length` by more than a write may take."""

    length: float = 15.0
    held: float = 8.0
    renew: float = 4.0
    retry: float = 1.0
    ask: float = 3.0
    """How often the one that waits looks."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one replica."""

    namespace: str
    identity: str
    """Of this process: the next one in the same pod is another one."""
    terms: Terms = field(default_factory=Terms)
