"""Every field of a tenant's file at its least and at its most, as the editor schema bounds it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

from tests.tidegate.facts.documents import committed
from tidegate.facts.names import SERVED_MODEL_NAME_MAX, TENANT_NAME_MAX
from tidegate.facts.tenant import Tenant

Document: TypeAlias = "dict[str, Any]"
Path: TypeAlias = "tuple[str | int, ...]"

TENANTS = ("assistant", "credit", "fraud", "merchants", "scoring")
_SCHEMA = Tenant.model_json_schema()
_FINEST = 1 / 1024
"""A binary fraction that is a whole MiB of memory; the step of cores is 0.001."""


def roomy(tenant: str) -> Document:
    """A committed tenant with the largest quota, so that an extreme is not refused for want of room alone."""
    document = committed(f"gitops/tenants/{tenant}.yaml")
    quota = document["quota"]
    document["quota"] = {"cpu": 1024, "memory_gib": 32768, "pods": 2000, "accelerators": dict.fromkeys(quota.get("accelerators", ()), 512)}
    return document


def extremes(tenant: str) -> Iterator[tuple[str, Document]]:
    """(what is extreme, the whole file) for each field that the file writes or leaves to its default."""
    document = roomy(tenant)
    for path, schema in _fields(document, _SCHEMA, ()):
        for value in _values(schema):
            yield f"{tenant}: {'.'.join(map(str, path))} = {value!s:.60}", _with(document, path, value)
    name = "t" * TENANT_NAME_MAX
    yield f"{tenant}: the longest tenant name", _renamed(document, tenant, name)
    (model, *_) = document["models"]
    longest = "m" * SERVED_MODEL_NAME_MAX
    models = {longest if key == model else key: value for key, value in document["models"].items()}
    yield f"{tenant}: the longest model name", {**document, "models": models}
    yield f"{tenant}: the longest namespace", {**document, "namespace": "n" * 63}
    for low in (0, 1, 100):
        for part in ("transformer", "explainer"):
            if part in document["models"][model]:
                changed = _with(document, ("models", model, part, "min_replicas"), low)
                yield f"{tenant}: {part} from {low} to 100", _with(changed, ("models", model, part, "max_replicas"), 100)
    for low, high in ((0, 500), (1, 1), (2, 500), (200, 500)):
        changed = _with(document, ("models", model, "scaling", "min_replicas"), low)
        yield f"{tenant}: from {low} to {high} replicas", _with(changed, ("models", model, "scaling", "max_replicas"), high)


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name, described in schema.get("properties", {}).items():
        inner, at = _resolved(described), (*path, name)
        value = document.get(name)
        if isinstance(value, dict) and "properties" in inner:
            yield from _fields(cast("Document", value), inner, at)
        elif isinstance(value, dict) and (entries := _entries(inner)):
            for key, entry in cast("Document", value).items():
                if isinstance(entry, dict):
                    yield from _fields(cast("Document", entry), entries, (*at, key))
                else:
                    yield (*at, key), entries
        elif inner.get("type") in {"integer", "number", "boolean"} or "enum" in inner:
            yield at, inner


def _entries(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a mapping by name holds: pydantic writes it under the names' pattern where they have one."""
    described = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
    return _resolved(cast("Document", described)) if isinstance(described, dict) else None


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Behind a reference, and of `X or null` the X."""
    if "anyOf" in schema:
        return _resolved(next(one for one in schema["anyOf"] if one.get("type") != "null"))
    if "$ref" in schema:
        return _resolved(_SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    return schema


def _values(schema: Mapping[str, Any]) -> list[object]:
    if "enum" in schema:
        return list(schema["enum"])
    if schema["type"] == "boolean":
        return [True, False]
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    found: list[object] = [] if least is None else [least] if "minimum" in schema else [_FINEST, 0.001]
    return [*found, schema["maximum"]] if "maximum" in schema else found


def _with(document: Document, path: Path, value: object) -> Document:
    changed = copy.deepcopy(document)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    if path[-2:] == ("scaling", "min_replicas") and value:
        place.pop("idle_seconds", None)  # refused beside a floor, which would hide what upstream says of the floor
    if path[-2:] == ("scaling", "requests_per_second_target"):
        place.pop("concurrency_target", None)  # refused beside it
    return changed


def _renamed(document: Document, old: str, new: str) -> Document:
    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(inner) for key, inner in cast("Document", value).items()}
        if isinstance(value, list):
            return [replaced(inner) for inner in cast("list[Any]", value)]
        return value.replace(f"/{old}/", f"/{new}/") if isinstance(value, str) else value

    return {**replaced(document), "name": new}
