"""Every leaf of a fact, enumerated from the models, and other values for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Leaf:
    """One field without fields of its own. `path` is dotted, with `*` for any key of a mapping and `[]` for any entry of a list."""

    path: str
    model: type[BaseModel]
    field: FieldInfo
    is_entry: bool
    """Whether it is an entry of a list, or a value of a mapping, that `field` holds."""
    types: tuple[object, ...]
    """What it may be: types, or the one text that chooses a form."""


def leaves_of(model: type[BaseModel], path: str = "") -> Iterator[Leaf]:
    """Every leaf of `model` in the order of its fields; the forms of a union one after another."""
    for name, field in model.model_fields.items():
        yield from _of_type(field.annotation, f"{path}.{name}".removeprefix("."), model, field, is_entry=False)


def _of_type(annotation: object, path: str, model: type[BaseModel], field: FieldInfo, *, is_entry: bool) -> Iterator[Leaf]:
    bare = _bare(annotation)
    forms = [_bare(form) for form in get_args(bare) if form is not type(None)] if get_origin(bare) in {Union, UnionType} else [bare]
    plain: list[object] = []
    for form in forms:
        if isinstance(form, type) and issubclass(form, BaseModel):
            yield from leaves_of(form, path)
        elif get_origin(form) is tuple:
            yield from _of_type(get_args(form)[0], f"{path}[]", model, field, is_entry=True)
        elif get_origin(form) is dict:
            yield from _of_type(get_args(form)[1], f"{path}.*", model, field, is_entry=True)
        else:
            plain.append(cast("object", form))
    if plain:
        yield Leaf(path, model, field, is_entry, tuple(plain))


def _bare(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def values_for(leaf: Leaf, old: object, known: tuple[object, ...]) -> Iterator[object]:
    """Other values that the field takes: `known` first, then neighbours of `old`."""
    for value in (*known, *(value for form in leaf.types for value in _neighbours(form, old))):
        if value != old and _is_taken(leaf, value):
            yield value


def _neighbours(form: object, old: object) -> Iterator[object]:
    if get_origin(form) is Literal:
        yield from get_args(form)
    elif isinstance(form, type) and issubclass(form, Enum):
        yield from form
    elif form is bool:
        yield not old
    elif form is int and isinstance(old, int):
        yield from (old + 1, old - 1, 2 * old, old // 2)
    elif form is float and isinstance(old, int | float):
        yield from (2.0 * old, old / 2, old + 1, old - 1, old * 0.999)
    elif isinstance(old, str):
        yield from (f"{old}x", f"{old[:-1]}{'1' if old[-1] != '1' else '2'}", f"x{old}", old.replace("1", "2"))


def _is_taken(leaf: Leaf, value: object) -> bool:
    whole: object = value
    if leaf.is_entry:
        whole = {"entry": value} if get_origin(_bare(leaf.field.annotation)) is dict else (value,) * _least(leaf.field)
    try:
        annotated: Any = Annotated[cast("Any", leaf.field.annotation), leaf.field]
        TypeAdapter[object](annotated).validate_python(whole, strict=False)
    except ValidationError as refused:
        # What refuses the rest of a list or mapping made up here says nothing about the entry.
        return leaf.is_entry and all(error["loc"][-1] in {"[key]"} for error in refused.errors())
    return True


def _least(field: FieldInfo) -> int:
    return max([1, *(limit for each in field.metadata if isinstance(limit := getattr(each, "min_length", None), int))])


def places_of(fact: object, path: str) -> Iterator[tuple[object, Callable[[object], Any]]]:
    """Each place of `path` in `fact`: what stands there, and the whole fact with something else in that place (nothing validated)."""
    yield from _places(fact, _steps(path), lambda whole: whole)


def _steps(path: str) -> list[str]:
    return path.replace("[]", ".[]").split(".")


def _places(here: object, steps: list[str], put: Callable[[Any], Any]) -> Iterator[tuple[object, Callable[[object], Any]]]:
    if not steps:
        yield here, put
        return
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(here, dict):
        mapping = cast("dict[str, object]", here)
        for key, inner in mapping.items():
            yield from _places(inner, rest, lambda new, key=key: put({**mapping, key: new}))
    elif step == "[]" and isinstance(here, tuple):
        entries = cast("tuple[object, ...]", here)
        for index, inner in enumerate(entries):
            yield from _places(inner, rest, lambda new, index=index: put((*entries[:index], new, *entries[index + 1 :])))
    elif isinstance(here, BaseModel) and step in type(here).model_fields:
        yield from _places(getattr(here, step), rest, lambda new: put(here.model_copy(update={step: new})))
