"""The catalogue takes what tenants could name, and each model once."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tidegate.facts.signature import ApprovedModel, ModelCatalogue

ENTRY: dict[str, Any] = {
    "model": "fraud/scorer/1",
    "uri": "s3://tidegate-models/fraud/scorer/1",
    "sha256": "a" * 64,
    "key_id": "fraud-release",
}


def test_entry_knows_its_tenant_and_served_model() -> None:
    entry = ApprovedModel(**ENTRY)
    assert (entry.tenant, entry.served_model) == ("fraud", "scorer")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "fraud/scorer"), ("model", "fraud/scorer/../1"), ("model", "Fraud/scorer/1"), ("model", "fraud/scorer/1\n"), ("model", "/scorer/1"),
        ("sha256", "A" * 64), ("sha256", "a" * 63), ("key_id", "../key"), ("key_id", ""), ("uri", "file:///models"), ("extra", 1),
    ],
)  # fmt: skip
def test_entry_that_no_tenant_could_name_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        ApprovedModel.model_validate({**ENTRY, field: value})


@pytest.mark.parametrize(
    ("field", "other"), [("model", {"uri": "s3://tidegate-models/fraud/scorer/9"}), ("uri", {"model": "fraud/scorer/9"})]
)
def test_entry_twice_is_refused(field: str, other: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="is listed twice") as refused:
        ModelCatalogue(models=(ApprovedModel(**ENTRY), ApprovedModel(**{**ENTRY, **other})))
    assert refused.value.errors()[0].get("ctx", {})["rule"] == f"catalogue-{field}-twice"


@pytest.mark.parametrize(
    "key", ["", "AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"], ids=["empty", "bare", "private"]
)
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        ModelCatalogue(keys={"fraud-release": key})
