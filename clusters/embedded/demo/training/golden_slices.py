"""By what golden sets are sliced: groups of rows in which no version may become worse, each made of the row itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from clusters.embedded.demo.training.generated_data import TRANSACTION_COLUMNS, Floats

Slices = Mapping[str, Sequence[str]]


def transaction_slices(rows: Floats) -> Slices:
    """Of card transactions."""
    columns = {name: rows[:, index].tolist() for index, name in enumerate(TRANSACTION_COLUMNS)}
    places = zip(columns["is_abroad"], columns["km_from_home"], strict=True)
    return {
        "merchant_class": [_band(risk, (0.1, 0.25), ("usual", "watched", "risky")) for risk in columns["merchant_risk"]],
        "amount_band": [_band(amount, (20, 60), ("below 20 EUR", "20 to 60 EUR", "above 60 EUR")) for amount in columns["amount_eur"]],
        "region": ["abroad" if abroad else _band(distance, (20,), ("at home", "elsewhere in the country")) for abroad, distance in places],
    }


def application_slices(applications: Sequence[Mapping[str, object]]) -> Slices:
    """Of applications for a loan."""
    amounts = [float(str(one["amount_eur"])) for one in applications]
    return {
        "amount_band": [_band(amount, (10_000, 30_000), ("below 10,000 EUR", "10,000 to 30,000 EUR", "above")) for amount in amounts],
        "housing": [str(one["housing"]) for one in applications],
    }


def _band(value: float, limits: Sequence[float], names: Sequence[str]) -> str:
    return names[bisect_right(limits, value)]
