"""What `infra` tells of the stacks that it synthesised."""

from __future__ import annotations

from tidegate.facts.fact import Fact

LISTING = "tidegate.json"
"""The file in the synthesised folder that holds a `Synthesis`."""


class StackEntry(Fact):
    """One stack of one cluster as synthesised."""

    name: str
    """`<cluster>-<stack>`."""
    cluster: str
    stack: str
    region: str
    depends_on: tuple[str, ...]
    """Full names of the stacks that must be applied before it."""
    resources: int
    """How many Terraform would manage; data sources do not count."""
    applied_locally: bool
    """False for a stack that the emulated cloud cannot take at all."""


class LeftOut(Fact):
    """A resource, or a whole stack, that the emulated cloud cannot take, and why."""

    cluster: str
    stack: str
    type: str
    name: str
    reason: str


class Synthesis(Fact):
    """What `infra` wrote: stacks in dependency order, and what it left out for the emulated cloud."""

    stacks: tuple[StackEntry, ...]
    not_applied_locally: tuple[LeftOut, ...]
