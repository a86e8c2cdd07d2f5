"""What a person orders, as it stands in an annotation of the Release: whoever writes it and whoever obeys it share the form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError

from tidegate.contracts.release import Part
from tidegate.contracts.release_names import ANNOTATION_FROZEN, ANNOTATION_ORDER
from tidegate.release.observation import Command, Verb

Text = Annotated[str, Field(min_length=1, max_length=400)]


class Order(Part):
    """One order. It is carried out once: another one has another identifier."""

    identifier: Annotated[str, Field(min_length=1, max_length=100)]
    verb: Annotated[Verb, Field(strict=False)]
    by: Text
    reason: Text


def written(command: Command) -> str:
    """The annotation's value."""
    return Order(identifier=command.identifier, verb=command.verb, by=command.by, reason=command.reason).model_dump_json()


def order_of(annotations: Mapping[str, str]) -> Command | None:
    """The order, if there is one. Raises `ValueError` with one line for one that cannot be read."""
    text = annotations.get(ANNOTATION_ORDER, "")
    if not text:
        return None
    try:
        order = Order.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "the whole of it"
        raise ValueError(f"{ANNOTATION_ORDER}: {at}: {first['msg']}; give identifier, verb, by and reason") from error
    return Command(order.identifier, order.verb, order.by, order.reason)


def freeze_of(annotations: Mapping[str, str]) -> str:
    """The reason for which a model's release is frozen; empty when it is not."""
    return annotations.get(ANNOTATION_FROZEN, "").strip()
