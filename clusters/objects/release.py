"""`tidegate.dev`: the definition of the `Release` resource, made from the types that the controller and the renderer share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from tidegate.contracts.release import ReleaseSpec, ReleaseStatus
from tidegate.contracts.release_names import RELEASE_GROUP, RELEASE_KIND, RELEASE_PLURAL, RELEASE_VERSION

_KEPT = (
    "type", "description", "enum", "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    "exclusiveMinimum", "exclusiveMaximum",
)  # fmt: skip
_RULES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "ReleaseSpec": (
        ("self.stepsPercent[self.stepsPercent.size() - 1] == 100", "the last step must be 100; append it"),
        (
            "self.stepsPercent.all(one, self.stepsPercent.filter(other, other == one).size() == 1) && self.stepsPercent.isSorted()",
            "steps must rise; sort them and drop repeats",
        ),
        ("self.strategy == 'canary' || self.stepsPercent.size() == 1", "only a canary has several steps; write [100]"),
        (
            "self.wanted.version != self.promoted.version || self.wanted.sha256 == self.promoted.sha256",
            "one version has one digest; give what is wanted another number, or the promoted digest",
        ),
    ),
    "ReleaseStatus": (("self.allowedPercent == 0 || has(self.candidate)", "a share without a candidate is nobody's; set it to 0"),),
}
"""What a schema cannot say."""

_COLUMNS = (
    ("Wanted", "integer", ".spec.wanted.version"),
    ("Promoted", "integer", ".spec.promoted.version"),
    ("Phase", "string", ".status.phase"),
    ("Share", "integer", ".status.allowedPercent"),
    ("Said", "string", ".status.message"),
    ("Age", "date", ".metadata.creationTimestamp"),
)


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition."""
    whole = {"spec": structural(ReleaseSpec), "status": structural(ReleaseStatus)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{RELEASE_PLURAL}.{RELEASE_GROUP}"},
        "spec": {
            "group": RELEASE_GROUP,
            "scope": "Namespaced",
            "names": {"kind": RELEASE_KIND, "listKind": f"{RELEASE_KIND}List", "plural": RELEASE_PLURAL, "singular": RELEASE_KIND.lower()},
            "versions": [
                {
                    "name": RELEASE_VERSION, "served": True, "storage": True, "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": name, "type": kind, "jsonPath": path} for name, kind, path in _COLUMNS],
                    "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": whole}},
                }
            ],
        },
    }  # fmt: skip


def structural(kind: type[BaseModel]) -> dict[str, Any]:
    """A type as Kubernetes wants its schema: without references, and with `nullable` for what may be absent."""
    schema = kind.model_json_schema(by_alias=True)
    return _inlined(schema, schema.get("$defs", {}))


def _inlined(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if reference := node.get("$ref"):
        return _inlined(
            {**definitions[reference.rpartition("/")[2]], **{key: node[key] for key in ("description",) if key in node}}, definitions
        )
    if choices := node.get("anyOf"):
        (one,) = [choice for choice in choices if choice.get("type") != "null"]  # what may be absent; other unions have no place here
        return {**_inlined(one, definitions), "nullable": True, **{key: node[key] for key in ("description",) if key in node}}
    found: dict[str, Any] = {key: node[key] for key in _KEPT if key in node}
    for bound, name in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bound in found:  # OpenAPI 3.0 has a flag beside the bound
            found |= {name: found[bound], bound: True}
    if "items" in node:
        found["items"] = _inlined(node["items"], definitions)
    if "properties" in node:
        found["properties"] = {name: _inlined(one, definitions) for name, one in node["properties"].items()}
        found["required"] = sorted(node.get("required", []))
        if not found["required"]:
            del found["required"]
    if rules := _RULES.get(str(node.get("title"))):
        found["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in rules]
    return found
