"""Strict schemas of every kind the clusters know, and findings about objects that do not fit them."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import jsonschema_rs

from tidegate.errors import Finding
from tidegate.manifests.strictness import DEFINITIONS, Schema, kind_key
from tidegate.manifests.yaml_text import Manifest

_VALUE_CHARACTERS_MAX = 60


class SchemaSet:
    """Schemas by kind. A kind's validator is built when its first object comes along."""

    def __init__(self, definitions: Mapping[str, Schema], kinds: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._kinds = kinds
        self._validators: dict[str, jsonschema_rs.Draft7Validator] = {}

    @property
    def kinds(self) -> Sequence[str]:
        """Every known kind as `<apiVersion> <kind>`."""
        return sorted(self._kinds)

    def findings(self, manifest: Manifest, source: str) -> list[Finding]:
        """Everything about `manifest` that its schema does not allow; `source` names its file."""
        api_version, kind = str(manifest.get("apiVersion", "")), str(manifest.get("kind", ""))
        key = kind_key(api_version, kind)
        validator = self._validators.get(key)
        if validator is None:
            if key not in self._kinds:
                return [self._unknown_kind(api_version, kind, source)]
            validator = self._validators[key] = jsonschema_rs.Draft7Validator(self._closed(key))
        if validator.is_valid(manifest):
            return []
        schema = self._closed(key)
        return [finding for error in validator.iter_errors(manifest) for finding in _findings_of(error, schema, source)]

    def _closed(self, key: str) -> Schema:
        """The schema of a kind with just the definitions that it reaches, so that building its validator stays cheap."""
        reached: dict[str, Schema] = {}
        waiting: list[object] = [self._kinds[key]]
        while waiting:
            at = waiting.pop()
            if isinstance(at, list):
                waiting.extend(cast("list[object]", at))
            elif isinstance(at, dict):
                reference = cast("Schema", at).get("$ref")
                if isinstance(reference, str) and (name := reference.removeprefix(DEFINITIONS)) not in reached:
                    reached[name] = self._definitions[name]
                    waiting.append(reached[name])
                waiting.extend(cast("Schema", at).values())
        return {**self._kinds[key], "definitions": reached}

    def _unknown_kind(self, api_version: str, kind: str, source: str) -> Finding:
        same_kind = [key.split(" ")[0] for key in self.kinds if key.endswith(f" {kind}")]
        if same_kind:
            remedy = f"write apiVersion: {' or '.join(same_kind)}"
            return Finding(source, "apiVersion", "schema-api-version", f"{kind} is not served in this version", remedy, api_version)
        near = difflib.get_close_matches(kind, [key.split(" ")[1] for key in self.kinds], n=1)
        remedy = f"did you mean {near[0]}?" if near else "add its definition's module to tidegate.repository.schemas"
        return Finding(source, "kind", "schema-kind", "no cluster knows this kind", remedy, kind)


def _findings_of(error: jsonschema_rs.ValidationError, schema: Schema, source: str) -> Iterator[Finding]:
    steps = error.instance_path
    at = dotted(steps)
    keyword = str(error.schema_path[-1])
    held = error.kind.as_dict()
    if keyword == "additionalProperties" and "unexpected" not in held:  # an object without any field
        yield Finding(source, at, "schema-field-unknown", "no such field", "remove it", _text(error.instance))
        return
    if keyword == "additionalProperties":
        known = sorted(_known_fields(schema, error.schema_path[:-1]))
        for field in cast("list[str]", held["unexpected"]):
            near = difflib.get_close_matches(field, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(known)}" if known else "remove it"
            yield Finding(source, dotted([*steps, field]), "schema-field-unknown", "no such field", remedy, _shown(error.instance, field))
        return
    if keyword == "required":
        field = str(held["property"])
        yield Finding(source, dotted([*steps, field]), "schema-field-missing", "required and absent", "add it")
        return
    rule, problem, remedy = _explained(keyword, held, error.message, steps, error.instance)
    yield Finding(source, at, rule, problem, remedy, _text(error.instance))


def _explained(  # noqa: PLR0911 - one for each keyword
    keyword: str, held: Mapping[str, object], message: str, steps: Sequence[str | int], instance: object
) -> tuple[str, str, str]:
    match keyword:
        case "enum":
            options = ", ".join(_text(option) for option in cast("list[object]", held.get("options", [])))
            return "schema-not-a-choice", "not one of the choices", f"use {options}"
        case "type":
            wanted = re.sub(r"^.* is not of types? ", "", message).replace('"', "").replace(", ", " or ")
            return "schema-type", f"is not of type {wanted}", f"write {_AS_WRITTEN.get(wanted, wanted)}"
        case "pattern":
            return "schema-malformed", "is not of the expected form", f"match {held.get('pattern', '')}"
        case _ if keyword in _COUNTED:
            name = str(steps[-1]) if steps and isinstance(steps[-1], str) else "entries"
            few = keyword.startswith("min")
            amount = cast("Sequence[object]", instance)
            noun = "characters" if isinstance(instance, str) else name
            problem = f"{len(amount)} {noun}, at {'least' if few else 'most'} {held.get('limit')}"
            return _rule(keyword), problem, "add some" if few else "take some away"
        case _ if keyword in _BOUNDED:
            word = _BOUNDED[keyword]
            return _rule(keyword), f"must be {word} {held.get('limit', held.get('multiple_of'))}", "write such a number"
        case _ if keyword in _PROSE:
            return _rule(keyword), _PROSE[keyword], "see the field's documentation"
        case _:
            return _rule(keyword), f"breaks `{keyword}` of the schema", "see the field's documentation"


def _rule(keyword: str) -> str:
    return f"schema-{re.sub(r'([A-Z])', lambda found: f'-{found[1].lower()}', keyword)}"


_COUNTED = frozenset({"maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties"})
_BOUNDED = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
_PROSE = {
    "anyOf": "fits none of the forms",
    "oneOf": "fits none of the forms, or more than one",
    "not": "is of a form that is not allowed",
    "uniqueItems": "has an entry twice",
}


_AS_WRITTEN = {
    "string": "text; put numbers and booleans in quotes",
    "integer": "a whole number without quotes",
    "boolean": "true or false without quotes",
    "array": "a list",
    "object": "a mapping",
}


def dotted(steps: Sequence[str | int]) -> str:
    """A path as readers write it: `spec.containers[0].image`; keys with dots are put in brackets."""
    parts: list[str] = []
    for step in steps:
        if isinstance(step, int) or "." in step or "/" in step:
            parts.append(f"[{step}]")
        else:
            parts.append(f".{step}")
    return "".join(parts).removeprefix(".")


def _known_fields(schema: Schema, schema_path: Sequence[str | int]) -> list[str]:
    at: object = schema
    for step in schema_path:
        at = _enter(at, step)
    return list(cast("dict[str, dict[str, object]]", at).get("properties", {}))


def _enter(at: object, step: str | int) -> object:
    return cast("list[object]", at)[step] if isinstance(step, int) else cast("dict[str, object]", at)[step]


def _shown(instance: object, field: str) -> str:
    value = cast("dict[str, object]", instance).get(field) if isinstance(instance, dict) else None
    return _text(value)


def _text(value: object) -> str:
    """A scalar as it is written; nothing for a mapping or a list, which the path names well enough."""
    if isinstance(value, dict | list):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _VALUE_CHARACTERS_MAX else f"{text[: _VALUE_CHARACTERS_MAX - 3]}..."
