"""Quantities are read as the API server reads them, and shown as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tidegate.manifests.fit.amounts import read_quantity, rounded, shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1500m", Fraction(3, 2)), ("0.5", Fraction(1, 2)), (".5", Fraction(1, 2)), ("2.", 2), ("1e3", 1000), ("2E-1", Fraction(1, 5)),
        ("3E", 3 * 10**18), ("1Ki", 1024), ("1.5Gi", 3 * 2**29), ("2Ei", 2**61), ("7n", Fraction(7, 10**9)), ("5u", Fraction(5, 10**6)), ("4", 4),
        (4, 4), ("-1", -1), ("+1k", 1000),
    ],
)  # fmt: skip
def test_quantity_is_read_exactly(text: object, value: Fraction | int) -> None:
    assert read_quantity(text) == value


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1KI", "1ki", "1.2.3", "one", "1e", "0x1", "1Gi ", "1e99999999", None])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        read_quantity(text)


def test_amounts_are_rounded_up_after_they_were_added() -> None:
    assert rounded({"cpu": Fraction(1, 10_000), "memory": Fraction(1, 10), "nvidia.com/gpu": Fraction(0)}) == {"cpu": 1, "memory": 1}


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [("cpu", 1500, "1500m"), ("cpu", 2000, "2"), ("memory", 13 * 2**30, "13Gi"), ("memory", 100, "1Mi"), ("memory", 3 * 2**29, "1536Mi"), ("memory", 0, "0Mi"), ("pods", 3, "3")],
)  # fmt: skip
def test_amount_is_shown_as_people_write_it(resource: str, amount: int, text: str) -> None:
    assert shown(resource, amount) == text
