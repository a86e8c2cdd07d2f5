"""JSON Schemas for editors: what a YAML language server completes and underlines while a file is being written.

They are made from the models, so they cannot say anything else; rules between fields stay with `tidegate validate`.
`tidegate render` writes them to `tidegate/facts/schemas/`, where the modeline of each inventory file points.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias, cast

from tidegate.facts.cluster import Cluster
from tidegate.facts.fact import Fact
from tidegate.facts.github import PlatformFacts
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import Tombstone

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FILES: Mapping[str, tuple[type[Fact], str]] = {
    "cluster.schema.json": (Cluster, "A Tidegate cluster"),
    "platform.schema.json": (PlatformFacts, "A Tidegate platform"),
    "tenant.schema.json": (Tenant, "A Tidegate tenant"),
    "tombstone.schema.json": (Tombstone, "A Tidegate tombstone"),
}

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


def editor_schemas() -> dict[str, str]:
    """The text of each schema by file name; the same models always give the same bytes."""
    return {name: _schema_text(name, fact, title) for name, (fact, title) in _FILES.items()}


def _schema_text(name: str, fact: type[Fact], title: str) -> str:
    made = {key: _strict(value) for key, value in cast("dict[str, Json]", fact.model_json_schema(by_alias=True)).items()}
    schema = {"$schema": DIALECT, "$id": name, **made, "title": title}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _strict(schema: Json) -> Json:
    """`schema` made to refuse what the models refuse, where pydantic leaves it open.

    A mapping whose keys follow a pattern refuses other keys, and `discriminator`, which only OpenAPI knows, goes.
    """
    if isinstance(schema, list):
        return [_strict(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    is_union = "oneOf" in schema and isinstance(schema.get("discriminator"), dict)
    made = {key: _strict(inner) for key, inner in schema.items() if not (is_union and key == "discriminator")}
    return {**made, "additionalProperties": False} if "patternProperties" in made else made
