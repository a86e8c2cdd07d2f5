"""Compares two inventories and says what differs, tenant by tenant and model by model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.facts.fact import Fact
from tidegate.facts.models.embedded_profile import EmbeddedProfile
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.gates.change.files import Area, ChangedFile, place_of
from tidegate.gates.change.kinds import OF_MODEL, OF_TENANT, Kind

_OF_OTHER_FILES: Mapping[Kind, Area] = {Kind.CLUSTER: Area.CLUSTER, Kind.EMBEDDED_PROFILE: Area.PROFILES}
"""Kinds of facts that stand in other files than the tenant's."""
_SHOWN = 3
"""So many files of the platform are named."""


class Change(Fact):
    """One thing that differs. Without a tenant it is about all of them, without a model about all of the tenant's."""

    kind: Kind
    tenant: str = ""
    model: str = ""
    what: str

    @property
    def subject(self) -> str:
        """Who it is about, for people."""
        return "/".join(part for part in (self.tenant, self.model) if part) or "everything"

    def __str__(self) -> str:
        return f"{self.subject}: {self.kind}: {self.what}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a change: its facts, and the embedded profiles by `<tenant>/<model>`, None when they cannot be read."""

    platform: Platform
    profiles: Mapping[str, EmbeddedProfile] | None


def find_changes(before: Side | None, after: Side | None, files: Sequence[ChangedFile]) -> tuple[Change, ...]:
    """Everything that differs and matters to a gate; `before` or `after` is None when it cannot be read.

    Nothing is found when documents, tests and files of CI alone differ.
    """
    changed = [file for file in files if any(place_of(path).area is not Area.ASIDE for path in file.paths)]
    if not changed:
        return ()
    if before is None or after is None:
        which = "after" if after is None else "before"
        return (Change(kind=Kind.PLATFORM, what=f"the facts {which} the change cannot be read, so anything may have changed"),)
    found = [*_of_facts(before.platform, after.platform), *_of_profiles(before, after), *_of_clusters(before.platform, after.platform)]
    places = [place_of(path) for file in changed for path in file.paths]
    explained = bool(found) or any(place.area is not Area.TENANT_RENDERED and place.area is not Area.RENDERED for place in places)
    known = {change.tenant for change in found if change.kind not in _OF_OTHER_FILES}
    areas = {_OF_OTHER_FILES[change.kind] for change in found if change.kind in _OF_OTHER_FILES}
    found += _of_files(changed, known, areas, explained=explained)
    return tuple(dict.fromkeys(found))


def _of_facts(before: Platform, after: Platform) -> Iterator[Change]:
    for name in sorted(before.tenants.keys() | after.tenants.keys()):
        was, is_now = before.tenants.get(name), after.tenants.get(name)
        if was is None:
            yield Change(kind=Kind.ADDED, tenant=name, what="a new tenant")
        elif is_now is None:
            stone = "" if name in after.tombstones else ", without a tombstone"
            yield Change(kind=Kind.REMOVED, tenant=name, what=f"its file is gone{stone}")
        elif was != is_now:
            yield from _of_tenant(was, is_now)


def _of_tenant(was: Tenant, is_now: Tenant) -> Iterator[Change]:
    for field in Tenant.model_fields:
        # A field that nobody sorted yet changes everything: too many gates cost time, too few cost trust.
        kind = OF_TENANT.get(field, Kind.SERVER)
        if kind and getattr(was, field) != getattr(is_now, field):
            yield Change(kind=kind, tenant=is_now.name, what=_shown(field, getattr(was, field), getattr(is_now, field)))
    for name in sorted(was.models.keys() | is_now.models.keys()):
        old, new = was.models.get(name), is_now.models.get(name)
        if old is None:
            yield Change(kind=Kind.ADDED, tenant=is_now.name, model=name, what="a new model")
        elif new is None:
            yield Change(kind=Kind.REMOVED, tenant=is_now.name, model=name, what="no longer in the tenant's file")
        elif old != new:
            yield from _of_model(is_now.name, name, old, new)


def _of_model(tenant: str, name: str, was: ServedModel, is_now: ServedModel) -> Iterator[Change]:
    for field in ServedModel.model_fields:
        old, new = getattr(was, field), getattr(is_now, field)
        if old == new:
            continue
        kind = OF_MODEL.get(field, Kind.SERVER)
        if field == "also_on_cpu" and (old and old.artefact) != (new and new.artefact):
            kind = Kind.VERSION
        yield Change(kind=kind, tenant=tenant, model=name, what=_shown(f"models.{name}.{field}", old, new))


def _of_profiles(before: Side, after: Side) -> Iterator[Change]:
    if before.profiles is None or after.profiles is None:
        which = "after" if after.profiles is None else "before"
        yield Change(kind=Kind.EMBEDDED_PROFILE, what=f"the embedded profiles {which} the change cannot be read, so any may have changed")
        return
    for reference in sorted(before.profiles.keys() | after.profiles.keys()):
        was, is_now = before.profiles.get(reference), after.profiles.get(reference)
        if was == is_now:
            continue
        tenant, _, model = reference.partition("/")
        if tenant not in after.platform.tenants or model not in after.platform.tenants[tenant].models:
            continue  # what goes with its model needs the gates of that
        what = _shown("embedded profile", was, is_now) if was and is_now else f"its embedded profile is {'new' if is_now else 'gone'}"
        yield Change(kind=Kind.EMBEDDED_PROFILE, tenant=tenant, model=model, what=what)


def _of_clusters(before: Platform, after: Platform) -> Iterator[Change]:
    for name in sorted(before.clusters.keys() | after.clusters.keys()):
        was, is_now = before.clusters.get(name), after.clusters.get(name)
        if was == is_now:
            continue
        what = _shown(f"cluster {name}", was, is_now) if was and is_now else f"cluster {name} is {'new' if is_now else 'gone'}"
        hosted = {tenant.name for side in (before, after) for tenant in side.tenants_of(name)} & after.tenants.keys()
        for tenant in sorted(hosted):
            yield Change(kind=Kind.CLUSTER, tenant=tenant, what=what)
        if not hosted:
            yield Change(kind=Kind.CLUSTER, what=what)


def _of_files(files: Sequence[ChangedFile], known: Collection[str], areas: Collection[Area], *, explained: bool) -> Iterator[Change]:
    """What files say beyond the facts. Rendered objects follow from facts, and the policy gate holds that they do.

    `known` are the tenants whose own facts differ, `areas` those of the other facts that do.
    """
    of_all: list[str] = []
    for file in files:
        for path in file.paths:
            place = place_of(path)
            match place.area:
                case Area.TENANT if place.kind is not Kind.PROSE or place.name not in known:
                    what = f"{file}: comments or the order of keys only" if place.kind is Kind.PROSE else str(file)
                    yield Change(kind=place.kind, tenant=place.name, what=what)
                case Area.TENANT_RENDERED if not explained:
                    yield Change(kind=place.kind, tenant=place.name, model=place.model, what=str(file))
                case Area.RENDERED if not explained:
                    of_all.append(str(file))
                case Area.CLUSTER | Area.PROFILES if place.area not in areas:
                    gone = ", or a profile of a model that goes" if place.area is Area.PROFILES else ""
                    yield Change(kind=Kind.PROSE, what=f"{file}: comments or the order of keys only{gone}")
                case Area.OTHER if place.kind is Kind.PLATFORM:
                    of_all.append(str(file))
                case Area.OTHER:
                    yield Change(kind=place.kind, what=str(file))
                case _:
                    pass
    if of_all:
        named = dict.fromkeys(of_all)
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        yield Change(kind=Kind.PLATFORM, what=f"{', '.join(list(named)[:_SHOWN])}{more}")


def _shown(field: str, old: object, new: object) -> str:
    """A plain value as it is, an artefact by its version, anything else by its first key that differs."""
    if isinstance(old, Fact) and isinstance(new, Fact):
        for key in type(old).model_fields:
            if getattr(old, key, None) != getattr(new, key, None):
                return _shown(f"{field}.{key}", getattr(old, key, None), getattr(new, key, None))
    plain = (str, int, float, type(None))
    if isinstance(old, plain) and isinstance(new, plain):
        return f"{field}: {_value(old)} -> {_value(new)}"
    return field


def _value(value: object) -> str:
    return "absent" if value is None else str(value)[:80]
