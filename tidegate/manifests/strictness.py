"""From what Kubernetes and its operators publish to JSON Schemas that refuse every field they do not know.

The API server drops unknown fields in silence, so a misspelt `minReplica` is accepted and ignored. Here it is refused,
except where the schema says that unknown fields are kept. `status` is left out: a file that declares it is mistaken
about who writes it. CEL rules (`x-kubernetes-validations`) are not evaluated; they need a real API server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, cast

Schema: TypeAlias = "dict[str, object]"

DEFINITIONS = "#/definitions/"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"

QUANTITY_PATTERN = r"^[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
"""The grammar in apimachinery's `resource.Quantity` (`quantity.go`)."""

_KEPT = (
    "type", "enum", "required", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems",
)  # fmt: skip
_COMBINATORS = ("allOf", "anyOf", "oneOf", "not")
_IN_32_BITS = {"minimum": -(2**31), "maximum": 2**31 - 1}


def kind_key(api_version: str, kind: str) -> str:
    """How a kind is named in a set of schemas: `apps/v1 Deployment`."""
    return f"{api_version} {kind}"


def kubernetes_schemas(openapi: Mapping[str, object]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """(definitions by name, kinds by `kind_key`) of Kubernetes' own OpenAPI v2 document."""
    definitions: dict[str, Schema] = {}
    kinds: dict[str, Schema] = {}
    for name, published in cast("Mapping[str, Schema]", openapi["definitions"]).items():
        identities = cast("list[dict[str, str]]", published.get("x-kubernetes-group-version-kind", []))
        is_kind = len(identities) == 1 and "metadata" in cast("Schema", published.get("properties", {}))
        definitions[name] = _strict(_without_status(published) if is_kind else published, is_published_by_kubernetes=True)
        if is_kind:
            identity = identities[0]
            api_version = f"{identity['group']}/{identity['version']}".removeprefix("/")
            kinds[kind_key(api_version, identity["kind"])] = _identified(definitions[name], api_version, identity["kind"])
    definitions[QUANTITY] = {"type": ["string", "number"], "pattern": QUANTITY_PATTERN}
    return definitions, kinds


def custom_resource_schemas(documents: Iterable[Mapping[str, object]]) -> Iterator[tuple[str, Schema]]:
    """(`kind_key`, schema) of every served version of every CustomResourceDefinition among `documents`."""
    for document in documents:
        if document.get("kind") != "CustomResourceDefinition":
            continue
        spec = cast("dict[str, object]", document["spec"])
        kind = cast("dict[str, str]", spec["names"])["kind"]
        for version in cast("list[dict[str, object]]", spec["versions"]):
            if version["served"]:
                published = cast("dict[str, Schema]", version["schema"])["openAPIV3Schema"]
                api_version = f"{spec['group']}/{version['name']}"
                strict = _strict(_without_status(published), is_published_by_kubernetes=False)
                cast("Schema", strict["properties"])["metadata"] = {"$ref": DEFINITIONS + OBJECT_META}
                yield kind_key(api_version, kind), _identified(strict, api_version, kind)


def _without_status(published: Schema) -> Schema:
    properties = cast("dict[str, object]", published.get("properties", {}))
    required = [name for name in cast("list[str]", published.get("required", [])) if name != "status"]
    kept = {name: inner for name, inner in properties.items() if name != "status"}
    return {**published, "properties": kept, **({"required": required} if "required" in published else {})}


def _identified(strict: Schema, api_version: str, kind: str) -> Schema:
    properties = {
        **cast("Schema", strict["properties"]),
        "apiVersion": {"enum": [api_version]},
        "kind": {"enum": [kind]},
    }
    required = cast("list[str]", strict.get("required", []))
    return {**strict, "properties": properties, "required": sorted({*required, "apiVersion", "kind", "metadata"})}


def _strict(published: Schema, *, is_published_by_kubernetes: bool) -> Schema:
    """`published` without prose, refusing unknown fields in every object whose fields it lists.

    In a custom resource an object that lists no fields has none: the API server would prune them all. In Kubernetes'
    own document it is free-form (`RawExtension`, a CRD's schema).
    """
    if "$ref" in published:
        return {"$ref": published["$ref"]}

    def inner(schema: object) -> Schema:
        return _strict(cast("Schema", schema), is_published_by_kubernetes=is_published_by_kubernetes)

    strict = _scalar(published)
    if "items" in published:
        strict["items"] = inner(published["items"])
    properties = cast("dict[str, Schema]", published.get("properties", {}))
    if properties:
        strict["properties"] = {name: inner(schema) for name, schema in properties.items()}
    if published.get("x-kubernetes-embedded-resource") and properties:
        embedded = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        strict["properties"] = {**embedded, **cast("Schema", strict["properties"])}
    values = published.get("additionalProperties")
    if isinstance(values, dict):
        strict["additionalProperties"] = inner(cast("Schema", values))
    elif values is None and not published.get("x-kubernetes-preserve-unknown-fields"):
        is_pruned = published.get("type") == "object" and not is_published_by_kubernetes
        if properties or is_pruned:
            strict["additionalProperties"] = False
    return _nullable(strict) if published.get("nullable") else strict


def _scalar(published: Schema) -> Schema:
    """Everything about a value that is not about what is inside it."""
    strict: Schema = {key: published[key] for key in _KEPT if key in published}
    if published.get("x-kubernetes-int-or-string") or published.get("format") == "int-or-string":
        strict["type"] = ["integer", "string"]
    elif published.get("format") == "int32":
        strict = {**_IN_32_BITS, **strict}
    for key in _COMBINATORS:
        if key in published:
            strict[key] = _plain(published[key])
    return strict


def _nullable(strict: Schema) -> Schema:
    if isinstance(strict.get("type"), str):
        strict["type"] = [strict["type"], "null"]
    if "enum" in strict:
        strict["enum"] = [*cast("list[object]", strict["enum"]), None]
    return strict


def _plain(fragment: object) -> object:
    """A part of `anyOf` and the like: it only adds conditions, so it lists just some of the fields and must stay open."""
    if isinstance(fragment, list):
        return [_plain(item) for item in cast("list[object]", fragment)]
    if not isinstance(fragment, dict):
        return fragment
    kept: Schema = {}
    for key, inner in cast("Schema", fragment).items():
        if key == "properties":
            kept[key] = {name: _plain(value) for name, value in cast("Schema", inner).items()}
        elif key in _COMBINATORS or key in {"items", "additionalProperties"}:
            kept[key] = _plain(inner)
        elif key in _KEPT:
            kept[key] = inner
    return kept
