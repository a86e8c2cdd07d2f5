"""Quantities are rendered as the API server spells them, up to the largest that a tenant's file may ask for."""

from __future__ import annotations

import pytest

from clusters.objects import quantities
from tidegate.manifests.rules.quantities import canonical_quantity


@pytest.mark.parametrize(
    ("rendered", "spelt"),
    [
        (quantities.cpu(0.001), "1m"), (quantities.cpu(2), "2"), (quantities.cpu(1000), "1k"), (quantities.cpu(1024), "1024"),
        (quantities.cpu(2000.5), "2000500m"), (quantities.count(2000), "2k"), (quantities.count(1999), "1999"), (quantities.count(0), "0"),
        (quantities.memory(1 / 1024), "1Mi"), (quantities.memory(1.5), "1536Mi"), (quantities.memory(1023), "1023Gi"),
        (quantities.memory(1024), "1Ti"), (quantities.memory(1536), "1536Gi"), (quantities.memory(32768), "32Ti"),
    ],
)  # fmt: skip
def test_quantity_is_spelt_as_the_api_server_does(rendered: str, spelt: str) -> None:
    assert rendered == spelt
    assert canonical_quantity(rendered) == rendered
