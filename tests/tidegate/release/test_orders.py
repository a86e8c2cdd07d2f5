"""Orders of people, as they stand in annotations."""

from __future__ import annotations

import json

import pytest

from tidegate.contracts.release_names import ANNOTATION_FROZEN, ANNOTATION_ORDER
from tidegate.release.observation import Command, Verb
from tidegate.release.orders import freeze_of, order_of, written

ORDER = Command("o1", Verb.ROLLBACK, "maria", "customers complain")


def test_order_is_read_as_it_was_written() -> None:
    assert order_of({ANNOTATION_ORDER: written(ORDER)}) == ORDER
    assert order_of({}) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verb": "promote"}, "verb: Input should be 'abort', 'rollback' or 'retry'"),
        ({"reason": ""}, "reason: String should have at least 1 character"),
        ({"percent": 50}, "percent: Extra inputs are not permitted"),
    ],
)
def test_order_that_makes_no_sense_is_refused(changes: dict[str, object], message: str) -> None:
    text = json.dumps(json.loads(written(ORDER)) | changes)
    with pytest.raises(ValueError, match=f"^{ANNOTATION_ORDER}: {message}; give identifier, verb, by and reason$"):
        order_of({ANNOTATION_ORDER: text})


def test_order_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="the whole of it: Invalid JSON"):
        order_of({ANNOTATION_ORDER: "abort"})


def test_freeze_is_its_reason() -> None:
    assert freeze_of({ANNOTATION_FROZEN: " a holiday "}) == "a holiday"
    assert freeze_of({ANNOTATION_FROZEN: " "}) == ""
    assert freeze_of({}) == ""
