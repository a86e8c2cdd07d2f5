"""Quantities are rendered as the API server spells them, up to the largest that a tenant's file may ask for."""

from __future__ import annotations

import pytest

from tidegate.facts import numerals
from tidegate.manifests.rules.quantities import canonical_quantity


@pytest.mark.parametrize(
    ("rendered", "spelt"),
    [
        (numerals.cpu(0.001), "1m"), (numerals.cpu(2), "2"), (numerals.cpu(1000), "1k"), (numerals.cpu(1024), "1024"),
        (numerals.cpu(2000.5), "2000500m"), (numerals.count(2000), "2k"), (numerals.count(1999), "1999"), (numerals.count(0), "0"),
        (numerals.memory(1 / 1024), "1Mi"), (numerals.memory(1.5), "1536Mi"), (numerals.memory(1023), "1023Gi"),
        (numerals.memory(1024), "1Ti"), (numerals.memory(1536), "1536Gi"), (numerals.memory(32768), "32Ti"),
    ],
)  # fmt: skip
def test_quantity_is_spelt_as_the_api_server_does(rendered: str, spelt: str) -> None:
    assert rendered == spelt
    assert canonical_quantity(rendered) == rendered
