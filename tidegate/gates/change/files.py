"""Changed files by what they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tidegate.gates.change.kinds import Kind


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file that differs: `old` and `new` are paths in the repository, empty where it is not there."""

    old: str
    new: str

    def __str__(self) -> str:
        if self.old == self.new:
            return self.new
        return f"{self.old} -> {self.new}" if self.old and self.new else f"{self.new} (new)" if self.new else f"{self.old} (gone)"

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it was and where it is."""
        return tuple(dict.fromkeys(path for path in (self.old, self.new) if path))


class Area(StrEnum):
    """Whose a file is."""

    ASIDE = "aside"
    """Documents, tests and files of CI: nothing of what is served is made of them."""
    TENANT = "tenant"
    TENANT_RENDERED = "tenant rendered"
    RENDERED = "rendered"
    CLUSTER = "cluster"
    PROFILES = "profiles"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Place:
    """What a path is: of a tenant or cluster, by name, where it is one's; and what a change of it means."""

    area: Area
    name: str = ""
    kind: Kind = Kind.PROSE
    model: str = ""


_NAME = r"([a-z0-9][a-z0-9-]*)"
_PLACES: tuple[tuple[re.Pattern[str], Area, Kind], ...] = tuple(
    (re.compile(pattern), area, kind)
    for pattern, area, kind in (
        (r"docs/.+|tests/.+|\.github/.+|\.ci/.+|Jenkinsfile|\.gitignore|LICENSE|[^/]+\.md", Area.ASIDE, Kind.PROSE),
        (rf"gitops/tenants/{_NAME}\.ya?ml", Area.TENANT, Kind.PROSE),
        (rf"gitops/tombstones/{_NAME}\.ya?ml", Area.TENANT, Kind.REMOVED),
        (rf"gitops/catalogue/{_NAME}\.json", Area.TENANT, Kind.CATALOGUE),
        (rf"gitops/rendered/[^/]+/tenants/{_NAME}/.+", Area.TENANT_RENDERED, Kind.RENDERED),
        (r"gitops/rendered/.+", Area.RENDERED, Kind.PLATFORM),
        (r"clusters/inventory/platform\.yaml", Area.OTHER, Kind.PROSE),
        (rf"clusters/inventory/{_NAME}/cluster\.yaml", Area.CLUSTER, Kind.CLUSTER),
        (r"clusters/prices/.+", Area.OTHER, Kind.PRICES),
        (r"clusters/embedded/profiles\.yaml", Area.PROFILES, Kind.EMBEDDED_PROFILE),
        (r"gitops/catalogue/keys/.+", Area.OTHER, Kind.CATALOGUE),
    )
)
_SERVED = re.compile(r".+/inferenceservice-([a-z0-9-]+)\.yaml")


def place_of(path: str) -> Place:
    """What `path` is. What no line here knows belongs to the platform, and changes everything."""
    for pattern, area, kind in _PLACES:
        if found := pattern.fullmatch(path):
            served = _SERVED.fullmatch(path) if area is Area.TENANT_RENDERED else None
            return Place(area, found[1] if pattern.groups else "", kind, served[1] if served else "")
    return Place(Area.OTHER, kind=Kind.PLATFORM)
