"""What an attack must know of a region besides its API server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.facts.tenant import Tenant
from tidegate.live.kubernetes import Kubernetes


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a model answers."""

    path: str
    """Of the URL, below the model's host."""
    body: str


@dataclass(frozen=True, slots=True)
class AttackedRegion:
    """A region as its attackers find it."""

    name: str
    node: str
    """Address of its node."""
    api: str
    """Address of its API server inside the cluster."""
    cluster: Kubernetes | None
    """None while it does not run."""
    token_for: Callable[[Tenant], str]
    """A token of the tenant's first caller."""
    request_for: Callable[[Tenant, str], Request]
    """A request for a tenant's model. Raises `MachineError` when there is none."""
