"""What the credit model looks at, derived from an application as a person fills it in.

The transformer and the explainer serve with this very file and the model learns from it, so the three cannot disagree.
Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

NUMBERS = {
    "income_eur_per_year": (1.0, 1e7),
    "debt_eur": (0.0, 1e8),
    "amount_eur": (1.0, 1e8),
    "term_months": (1.0, 600.0),
    "age_years": (18.0, 120.0),
    "employed_years": (0.0, 80.0),
    "late_payments_2y": (0.0, 1000.0),
}
"""The numbers of an application: lowest and highest value taken for real."""

HOUSING = ("family", "own", "rent")

FEATURES = (
    "log_income",
    "debt_to_income",
    "amount_to_income",
    "payment_share",
    "term_years",
    "age_decades",
    "employed_years",
    "late_payments",
    "owns_home",
    "rents_home",
)

BASELINE = (10.5, 0.4, 0.5, 0.12, 4.0, 4.0, 6.0, 0.0, 0.0, 1.0)
"""The applicant that explanations compare with: near the middle of what the model learnt from, renting."""


class ApplicationError(ValueError):
    """An application is incomplete or impossible; the text names the field."""


def derive_features(application: Mapping[str, object]) -> list[float]:
    """The features of one application, in the order of `FEATURES`. Raises `ApplicationError`."""
    unknown = sorted(application.keys() - NUMBERS.keys() - {"housing"})
    if unknown:
        raise ApplicationError(f"{unknown[0]}: not a field of an application; leave it out")
    income, debt, amount, months, age, employed, late = (_number(application, field) for field in NUMBERS)
    housing = application.get("housing")
    if housing not in HOUSING:
        raise ApplicationError(f"housing: must be one of {', '.join(HOUSING)}")
    return [
        round(feature, 6)
        for feature in (
            math.log(income), min(debt / income, 10.0), min(amount / income, 10.0), min(amount / months * 12 / income, 5.0), months / 12,
            age / 10, min(employed, 20.0), min(late, 6.0), float(housing == "own"), float(housing == "rent"),
        )
    ]  # fmt: skip


def _number(application: Mapping[str, object], field: str) -> float:
    value = application.get(field)
    lowest, highest = NUMBERS[field]
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise ApplicationError(f"{field}: must be a number from {lowest:.0f} to {highest:.0f}")
    return float(value)
