"""Turns pydantic's errors into findings: one line each, the value as written, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tidegate.errors import Finding

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
    "union_tag_invalid": ("not-a-choice", "not one of the choices", "use kind: {expected_tags}"),
    "union_tag_not_found": ("field-missing", "needs a kind", "add kind"),
    "string_pattern_mismatch": ("malformed", "is not of the expected form", "match {pattern}"),
    "string_too_long": ("too-long", "is too long", "use at most {max_length} characters"),
    "too_short": ("too-few", "has too few entries", "give at least {min_length}"),
    "too_long": ("too-many", "has too many entries", "give at most {max_length}"),
    "greater_than": ("too-small", "is too small", "write more than {gt}"),
    "greater_than_equal": ("too-small", "is too small", "write at least {ge}"),
    "less_than": ("too-large", "is too large", "write less than {lt}"),
    "less_than_equal": ("too-large", "is too large", "write at most {le}"),
    "multiple_of": ("too-fine", "is finer than Kubernetes keeps", "round it to a multiple of {multiple_of}"),
}


def findings_of(error: ValidationError, source: str, model: type[BaseModel]) -> list[Finding]:
    """One finding per error of validating `source` as `model`."""
    return [_finding(detail, source, model) for detail in error.errors(include_url=False)]


def _finding(detail: ErrorDetails, source: str, model: type[BaseModel]) -> Finding:
    steps = [step for step in detail["loc"] if step != "[key]"]
    is_key = "[key]" in detail["loc"]
    at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    kind, context = detail["type"], detail.get("ctx", {})
    shown = "" if kind == "missing" else str(steps[-1]) if is_key else _shown(detail["input"])
    if kind == "tidegate":
        return Finding(source, at, str(context["rule"]), str(context["problem"]), str(context["remedy"]), shown)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(steps[-1]), _known_keys(model, detail["loc"][:-1]), n=1)
        remedy = f"write {near[0]}" if near else "remove it"
        return Finding(source, at, "key-unknown", "no such key", remedy, shown)
    rule, problem, remedy = _REMEDIES.get(kind, (kind.replace("_", "-"), detail["msg"].lower(), "see the schema"))
    return Finding(source, at, rule, problem, remedy.format_map(context), shown)


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return ""
    text = "true" if value is True else "false" if value is False else "null" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


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
