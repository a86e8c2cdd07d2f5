"""What the embedded platform's machines are made of: their programs and their addresses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from tidegate.facts.cluster import Cidr
from tidegate.facts.fact import Fact
from tidegate.facts.names import ClusterName

Address = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$")]
ProgramName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,40}$")]


class SupervisedProgram(Fact):
    """A process that supervisor keeps running."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Arguments; `${...}` is filled in when the machine is made."""
    environment: dict[str, str] = Field(default_factory=dict[str, str])


class SupervisedPrograms(Fact):
    """Every program of a kind of machine, in the order they are started."""

    programs: dict[ProgramName, SupervisedProgram]


class RegionAddresses(Fact):
    """Where one region lives inside its network namespace."""

    node: Address
    pods: Cidr
    services: Cidr
    pretended_pods: Cidr
    """Of pods on KWOK's nodes."""


class Addresses(Fact):
    """The addresses of the embedded platform; they exist in namespaces without a way out only."""

    link: Cidr
    """What joins the regions to the namespace that stands for the internet."""
    internet: Address
    regions: dict[ClusterName, RegionAddresses]
