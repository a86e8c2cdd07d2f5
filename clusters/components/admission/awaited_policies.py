"""Policies that are right only where the release controller runs; until then nothing renders them.

They take from Argo CD and from people what the controller does in their place. Without it a model would keep its first version for ever.
"""

from __future__ import annotations

RUNS_RELEASE_CONTROLLER = False
"""Whether the clusters run it. True puts every policy in force with the next `tidegate render`."""

_FOR_RELEASES = frozenset({"forbid-canary-percent", "forbid-deleted-knative-services", "forbid-unreleased-files"})


def awaited(*, is_running: bool = RUNS_RELEASE_CONTROLLER) -> frozenset[str]:
    """Names of the policies that are not in force yet."""
    return frozenset() if is_running else _FOR_RELEASES
