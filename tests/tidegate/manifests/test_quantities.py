"""Quantities as Kubernetes prints them; the expected values were taken from apimachinery's own rules."""

from __future__ import annotations

import pytest

from clusters.objects import quantities
from tidegate.manifests.rules.quantities import canonical_quantity


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2", "2"), ("2.0", "2"), ("1.5", "1500m"), ("1500m", "1500m"), ("2000m", "2"), ("0.1", "100m"), ("0", "0"), ("1000", "1k"),
        ("2Gi", "2Gi"), ("2048Mi", "2Gi"), ("1.5Gi", "1536Mi"), ("1536Mi", "1536Mi"), ("1024Gi", "1Ti"), ("1000000k", "1G"),
        ("two", None), ("1e3", None),
    ],
)  # fmt: skip
def test_canonical_spelling(written: str, canonical: str | None) -> None:
    assert canonical_quantity(written) == canonical


@pytest.mark.parametrize("cores", [0.001, 0.1, 0.125, 1, 1.5, 2.0, 64])
def test_cores_are_rendered_canonically(cores: float) -> None:
    assert canonical_quantity(quantities.cpu(cores)) == quantities.cpu(cores)


@pytest.mark.parametrize("gib", [1 / 1024, 0.125, 0.5, 1, 1.5, 12.0, 1025])
def test_memory_is_rendered_canonically(gib: float) -> None:
    assert canonical_quantity(quantities.memory(gib)) == quantities.memory(gib)
