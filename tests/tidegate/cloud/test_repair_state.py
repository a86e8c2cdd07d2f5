"""What an engineer does to state by hand is refused when it is aimed at the wrong place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.root import ROOT
from tidegate.cloud.account import Account
from tidegate.cloud.repair_state import create_state_bucket, find_store
from tidegate.errors import StateError, UsageError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "emulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulated")
    with mock_aws():
        yield


def test_state_bucket_is_made_once(platform: Platform) -> None:
    assert create_state_bucket(platform, Account(None), "live-1") == ("tidegate-live-1-state-123456789012", True)
    assert create_state_bucket(platform, Account(None), "live-1") == ("tidegate-live-1-state-123456789012", False)


def test_credentials_of_another_account_are_refused(platform: Platform) -> None:
    elsewhere = platform.clusters["live-1"].model_copy(update={"account_id": "999999999999"})
    moved = Platform({**platform.clusters, "live-1": elsewhere}, platform.tenants)
    with pytest.raises(StateError, match="the credentials are account 123456789012's, live-1 belongs to 999999999999"):
        create_state_bucket(moved, Account(None), "live-1")
    store, _ = find_store(moved, Account(None), "live-1-state")
    assert not store.has_bucket()


@pytest.mark.parametrize("stack", ["network", "live-9-network", ""], ids=["no-cluster", "unknown-cluster", "empty"])
def test_unknown_stack_is_refused_with_the_clusters_there_are(platform: Platform, stack: str) -> None:
    with pytest.raises(UsageError, match="is no stack; write <cluster>-<stack> with one of live-1, live-2"):
        find_store(platform, Account(None), stack)


def test_unknown_cluster_is_refused(platform: Platform) -> None:
    with pytest.raises(UsageError, match="no cluster live-9; there are live-1, live-2"):
        create_state_bucket(platform, Account(None), "live-9")
