"""Turns pydantic's errors into findings: one line each, the value as written, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tidegate.errors import Finding
from tidegate.facts.inventory.readable import clipped, shown

_REMEDIES = {
    "missing": ("field-missing", "required and absent", "add it"),
    "string_type": ("not-text", "must be text", "put it in quotes"),
    "int_type": ("not-integer", "must be a whole number", "write it without quotes or fraction"),
    "int_from_float": ("not-integer", "must be a whole number", "write it without a fraction"),
    "float_type": ("not-number", "must be a number", "write it without quotes"),
    "bool_type": ("not-boolean", "must be true or false", "write true or false, not yes, no, on or off"),
    "dict_type": ("not-mapping", "must be a mapping", "write `name: value` lines below it"),
    "model_type": ("not-mapping", "must be a mapping", "write `name: value` lines below it"),
    "model_attributes_type": ("not-mapping", "must be a mapping", "write `name: value` lines below it"),
    "tuple_type": ("not-list", "must be a list", "write `- item` lines below it"),
    "enum": ("not-a-choice", "not one of the choices", "use {expected}"),
    "literal_error": ("not-a-choice", "not one of the choices", "use {expected}"),
    "union_tag_invalid": ("not-a-choice", "not one of the choices", "use one of {expected_tags}"),
    "union_tag_not_found": ("field-missing", "required and absent", "add it"),
    "string_pattern_mismatch": ("malformed", "is not of the expected form", "match {pattern}"),
    "string_too_long": ("too-long", "is too long", "use at most {max_length} characters"),
    "too_short": ("too-few", "has too few entries", "give at least {min_length}"),
    "too_long": ("too-many", "has too many entries", "give at most {max_length}"),
    "greater_than": ("too-small", "is too small", "write more than {gt}"),
    "greater_than_equal": ("too-small", "is too small", "write at least {ge}"),
    "less_than_equal": ("too-large", "is too large", "write at most {le}"),
    "date_type": ("not-date", "must be a date", 'write it as "2026-11-21", in quotes'),
    "date_parsing": ("not-date", "must be a date", 'write it as "2026-11-21", in quotes'),
    "finite_number": ("number-not-finite", "not a finite number", "write a finite number"),
}


def findings_of(error: ValidationError, source: str, model: type[BaseModel], document: object) -> list[Finding]:
    """One finding per error of validating `document`, read from `source`, as `model`."""
    return [_finding(detail, source, model, document) for detail in error.errors(include_url=False) if not _is_echo(detail)]


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether pydantic calls a list too short only because it left out entries that have findings of their own."""
    found: object = detail["input"]
    return (
        detail["type"] == "too_short"
        and isinstance(found, list | dict)
        and len(cast("list[object]", found)) >= detail.get("ctx", {})["min_length"]
    )


def _finding(detail: ErrorDetails, source: str, model: type[BaseModel], document: object) -> Finding:
    kind, context, location = detail["type"], detail.get("ctx", {}), detail["loc"]
    is_key = location[-1:] == ("[key]",) and kind != "extra_forbidden"
    at = _path(location[:-1] if is_key else location, document)
    found = "" if kind == "missing" else clipped(str(location[-2])) if is_key else shown(detail["input"])
    if kind == "tidegate":
        if inner := str(context["at"]):
            at = f"{at}{inner}" if inner.startswith("[") else f"{at}.{inner}".removeprefix(".")
            found = shown(context["value"])
        return Finding(source, at, str(context["rule"]), str(context["problem"]), str(context["remedy"]), found)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        # pydantic accuses the mapping, the reader must change the key that chooses between its forms.
        at, found = f"{at}.{str(context['discriminator']).strip(chr(39))}", clipped(str(context.get("tag", "")))
    if kind in {"int_type", "float_type"} and found.replace(".", "", 1).isdigit():
        found = f'"{found}"'  # a number in quotes looks like a number without them
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _known_keys(model, location[:-1]), n=1)
        remedy = f"write {near[0]}" if near else "remove it"
        return Finding(source, at, "key-unknown", "no such key", remedy, found)
    rule, problem, remedy = _REMEDIES.get(kind, ("value-refused", clipped(detail["msg"].lower()), "see the schema"))
    limits = {name: int(limit) if isinstance(limit, float) and limit.is_integer() else limit for name, limit in context.items()}
    return Finding(source, at, rule, problem, remedy.format_map(limits), found)


def _path(location: tuple[int | str, ...], document: object) -> str:
    """The dotted path as the file has it: pydantic also counts the chosen branch of a union as a step."""
    path, here = "", document
    for number, step in enumerate(location, start=1):
        if isinstance(here, dict):
            mapping = cast("dict[object, object]", here)
            if number < len(location) and (step not in mapping or step == mapping.get("kind")):
                continue
            here, path = mapping.get(step), f"{path}.{clipped(str(step))}"
        elif isinstance(here, list) and isinstance(step, int):
            here, path = cast("list[object]", here)[step], f"{path}[{step}]"
    return path.removeprefix(".")


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at `location`: walks the annotations, ignoring list indices and mapping keys."""
    reached = [model]
    for step in location:
        inner = [field.annotation for at in reached if isinstance(step, str) and (field := at.model_fields.get(step))]
        reached = [found for annotation in inner for found in _models_in(annotation)] or reached
    return [name for at in reached for name in at.model_fields]


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in cast("tuple[object, ...]", get_args(annotation)):
        yield from _models_in(argument)
