"""One bare API server for the whole run, with every policy, and what the cases' objects lean on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.admission_server import ApiServer, running_api_server
from tests.policies import verdicts
from tests.policies.catalogued_images import listed_platform
from tests.policies.tenant_objects import enforce, furnish, rendered
from tidegate.facts.platform import Platform

CLUSTER = "live-1"


@pytest.fixture(scope="session")
def platform() -> Platform:
    return listed_platform()


@pytest.fixture(scope="session")
def tree(platform: Platform) -> dict[str, dict[str, Any]]:
    """Every rendered object of the cluster by `<folder>/<kind>-<name>`, as its file is called."""
    return rendered(platform, CLUSTER)


@pytest.fixture(scope="session")
def bare_api(tmp_path_factory: pytest.TempPathFactory, tree: Mapping[str, dict[str, Any]]) -> Iterator[ApiServer]:
    """A server with all that the cases lean on and no policy yet."""
    with running_api_server(tmp_path_factory.mktemp("api-server")) as api:
        furnish(api, tree)
        yield api


@pytest.fixture(scope="session")
def api(bare_api: ApiServer, platform: Platform, tree: Mapping[str, dict[str, Any]]) -> ApiServer:
    """The server with every policy in force."""
    enforce(bare_api, platform, CLUSTER, tree)
    return bare_api


@pytest.fixture(scope="session")
def program() -> Path:
    """Judges by the API server's own code."""
    return verdicts.built()
