"""What is written is read back alike by YAML 1.1 (PyYAML), YAML 1.2 (ruamel) and the reader in use."""

from __future__ import annotations

from io import StringIO
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tidegate.manifests.yaml_text import emit, parse

# Surrogates are no text; the control characters are refused by both other parsers even when escaped as YAML asks.
text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x7f\ufeff\ufffe\uffff"), max_size=20)
tricky = st.text("0123456789_:.-+eExobyYnN~=<,#&*!|>'\"%@` \n{}[]", max_size=12)
numbers = st.integers(-(2**53), 2**53) | st.booleans()
values = st.recursive(
    text | tricky | numbers | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | tricky, inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries((text | tricky).filter(bool), values, min_size=1, max_size=5)


def load_1_2(written: str) -> object:
    return cast("object", YAML(typ="safe", pure=True).load(StringIO(written)))  # pyright: ignore[reportUnknownMemberType] - ruamel leaves it untyped


@given(documents)
def test_every_parser_reads_back_what_was_written(document: dict[str, Any]) -> None:
    written = emit(document, "Rendered from a test").decode()
    assert parse(written) == document
    assert yaml.safe_load(written) == document
    assert load_1_2(written) == document


AMBIGUOUS = [
    "yes", "no", "on", "off", "y", "Y", "n", "N", "true", "null", "~", "", "1.35", "2020-01-01", "2020-01-01T00:00:00Z", "12:30:45", "0b1",
    "0o17", "017", "0x1f", "1_000", "1e3", "_1", ".5", "=", "<<", ".inf", ".nan", "-0b1", "+1", "1__0", "2020-01-01 y",
]  # fmt: skip


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_text_stays_text_as_a_value_an_item_and_a_key(value: str) -> None:
    document = {"data": {"value": value, "items": [value, [value]], "block": f"first\n{value}\n  {value}: {value}"}, value or "empty": 1}
    written = emit(document, "c").decode()
    assert yaml.safe_load(written) == document
    assert load_1_2(written) == document
    assert parse(written) == document


def test_keys_keep_their_order_and_the_comment_stands_first() -> None:
    written = emit({"kind": "B", "apiVersion": "a", "metadata": {"z": 1, "a": 2}}, "Rendered from x").decode()
    assert written == "# Rendered from x\nkind: B\napiVersion: a\nmetadata:\n  z: 1\n  a: 2\n"


def test_shared_values_are_written_out_without_anchors() -> None:
    shared = {"a": ["b"]}
    written = emit({"one": shared, "two": shared}, "c").decode()
    assert "&" not in written
    assert "*" not in written


@pytest.mark.parametrize("text", ["- a\n", "a: 1\n---\nb: 2\n", "text\n", "a: [\n", ""])
def test_what_is_not_one_mapping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
