"""Which release of what the platform consists of: the types of `clusters/releases.yaml`, the one place where a version is chosen."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, refuse

ComponentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)]
ReleaseName = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.-]*$", max_length=63)]
"""A release as image tags write it, without a leading v."""
ModulePath = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+\.[a-z]+(/[A-Za-z0-9._-]+)*$")]
ModuleVersion = Annotated[str, StringConstraints(pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$")]


class ReleasedComponent(Fact):
    """One upstream: its release, and what that is called elsewhere."""

    release: ReleaseName
    modules: dict[ModulePath, ModuleVersion] = Field(default_factory=dict[str, str])
    """Go modules that we build from or read definitions and charts of. Some upstreams number them another way."""
    charts: dict[ComponentName, ReleaseName] = Field(default_factory=dict[str, str])
    """Helm charts that production installs, where they are numbered another way than the release."""
    source: Annotated[str, StringConstraints(min_length=10)]
    """Why this release, or where the numbers were read."""


class Releases(Fact):
    """Every component by name."""

    components: Annotated[dict[ComponentName, ReleasedComponent], Field(min_length=1)]

    @model_validator(mode="after")
    def _modules_are_pinned_once(self) -> Self:
        seen: dict[str, str] = {}
        for name, component in self.components.items():
            for module in component.modules:
                if module in seen:
                    at = f"components.{name}.modules.{module}"
                    raise refuse("module-twice", f"is pinned by {seen[module]} too", "keep one of them", at=at, value=module)
                seen[module] = name
        return self

    def release(self, component: str) -> str:
        """The release of a component. Raises `KeyError` for an unknown one."""
        return self.components[component].release

    def module(self, path: str) -> str:
        """The version of a Go module. Raises `KeyError` for one that no component names."""
        return {module: version for one in self.components.values() for module, version in one.modules.items()}[path]

    def chart(self, component: str, chart: str) -> str:
        """The version of a component's Helm chart. Raises `KeyError` for an unknown one."""
        return self.components[component].charts[chart]
