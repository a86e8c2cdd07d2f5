"""Credit applications become features once, the same for training, transformer and explainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clusters.embedded.demo import application_features
from clusters.embedded.demo.application_features import BASELINE, FEATURES, ApplicationError, derive_features
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.images import read_images

APPLICATION: dict[str, Any] = {
    "income_eur_per_year": 40_000, "debt_eur": 10_000, "amount_eur": 20_000, "term_months": 48, "age_years": 35, "employed_years": 4.5,
    "late_payments_2y": 1, "housing": "own",
}  # fmt: skip


def test_features_follow_from_the_application() -> None:
    features = dict(zip(FEATURES, derive_features(APPLICATION), strict=True))
    assert features == {
        "log_income": 10.596635, "debt_to_income": 0.25, "amount_to_income": 0.5, "payment_share": 0.125, "term_years": 4.0,
        "age_decades": 3.5, "employed_years": 4.5, "late_payments": 1.0, "owns_home": 1.0, "rents_home": 0.0,
    }  # fmt: skip


def test_baseline_has_a_value_for_every_feature() -> None:
    assert len(BASELINE) == len(FEATURES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("income_eur_per_year", 0), ("age_years", 17), ("debt_eur", float("nan")), ("amount_eur", "20000"), ("term_months", True),
        ("housing", "castle"), ("housing", ["own"]), ("employed_years", None), ("shoe_size", 42),
    ],
    ids=["no-income", "too-young", "not-a-number", "text", "boolean", "housing", "housing-as-list", "empty", "unknown-field"],
)  # fmt: skip
def test_impossible_application_is_refused_naming_the_field(field: str, value: object) -> None:
    with pytest.raises(ApplicationError, match=f"^{field}: "):
        derive_features({**APPLICATION, field: value})


def test_incomplete_application_is_refused_naming_the_field() -> None:
    with pytest.raises(ApplicationError, match=r"^late_payments_2y: "):
        derive_features({field: value for field, value in APPLICATION.items() if field != "late_payments_2y"})


@pytest.mark.parametrize("image", ["credit-features", "credit-explainer"])
def test_servers_derive_features_with_the_file_that_trained(image: str) -> None:
    trained_with = Path(application_features.__file__).relative_to(ROOT).as_posix()
    assert trained_with in read_images(Checkout(ROOT)).images[image].sources
