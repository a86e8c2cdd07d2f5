"""What the embedded region is built of: families of Go programs, each pinned by a module of its own.

The list is `clusters/embedded/builds/programs.yaml`; which module versions a family takes stands in its go.mod.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, refuse

ProgramName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)]
Release = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?(-[0-9a-z.]+)?$", max_length=63)]
"""A release as image tags write it, without a leading v."""

GoPackage = Annotated[str, StringConstraints(pattern=r"^(\.|[a-z0-9.-]+\.[a-z]+(/[A-Za-z0-9._-]+)+)$")]
"""An import path; `.` is the family's own folder."""

GoTag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
GoVariable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]+\.[A-Za-z][A-Za-z0-9]*$")]
LinkedText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]+$")]
"""No spaces and quotes, which the go command would take apart."""


class Binary(Fact):
    """One program of a family."""

    name: ProgramName
    """Its file name, unique in the list."""
    package: GoPackage
    """The main package."""
    release: Release | None = None
    """Where it differs from its family's."""
    tags: tuple[GoTag, ...] = ()
    """Build tags."""


class Family(Fact):
    """Programs that share a Go module: `clusters/embedded/builds/<name>`."""

    name: ProgramName
    release: Release
    variables: dict[GoVariable, LinkedText] = Field(default_factory=dict[str, str])
    """String variables that the linker sets in every program of the family. A program without the variable is left alone."""
    binaries: Annotated[tuple[Binary, ...], Field(min_length=1)]

    @property
    def link_flags(self) -> str:
        """The value of `-ldflags`: no symbol table and no debugging information, which are a third of a program's size."""
        return " ".join(["-s", "-w", *(f"-X {name}={text}" for name, text in self.variables.items())])


class BuildList(Fact):
    """Every family in the order of building: what a region needs first comes first."""

    families: Annotated[tuple[Family, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, named in (("families", [family.name for family in self.families]), ("binaries", self.names)):
            twice = sorted(name for name, count in Counter(named).items() if count > 1)
            if twice:
                raise refuse("build-name-twice", f"two {what} share a name", "rename one", at="families", value=", ".join(twice))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every program's name, in the order of building."""
        return tuple(binary.name for _, binary in self.programs())

    def programs(self) -> Iterator[tuple[Family, Binary]]:
        """Every program with its family, in the order of building."""
        for family in self.families:
            for binary in family.binaries:
                yield family, binary
