"""The real schemas; reading them the first time needs Go and the network, and about half a minute."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tidegate.manifests.schemas import SchemaSet
from tidegate.repository.schemas import load_schemas

settings.register_profile("manifests", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("manifests")


@pytest.fixture(scope="session")
def schemas() -> SchemaSet:
    return load_schemas()
