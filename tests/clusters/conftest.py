"""The real schemas; reading them the first time needs Go and the network, and about half a minute."""

from __future__ import annotations

import pytest

from tidegate.manifests.schemas import SchemaSet
from tidegate.operations.schemas import load_schemas


@pytest.fixture(scope="session")
def schemas() -> SchemaSet:
    return load_schemas()
