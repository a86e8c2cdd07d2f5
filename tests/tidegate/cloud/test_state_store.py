"""The state bucket: what is read, what is refused, and how a lost state comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from tidegate.cloud.account import Account
from tidegate.cloud.state import ApplyRecord, Marker, StateLock, StateStore
from tidegate.errors import StateError

BUCKET = "tidegate-live-1-state-123456789012"
STATE: dict[str, Any] = {
    "version": 4,
    "serial": 3,
    "lineage": "lineage-1",
    "outputs": {"vpc_id": {"value": "vpc-1", "type": "string"}},
    "resources": [
        {"mode": "data", "type": "aws_caller_identity", "name": "me", "instances": [{"attributes": {}}]},
        {"mode": "managed", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-1"}}]},
    ],
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[StateStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "emulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulated")
    with mock_aws():
        found = StateStore(Account(None).in_region("eu-west-1"), BUCKET, "live-1")
        assert found.ensure_bucket()
        yield found


def put(store: StateStore, key: str, body: bytes) -> None:
    store.clients.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def test_bucket_is_made_once_and_versioned(store: StateStore) -> None:
    assert not store.ensure_bucket()
    assert store.clients.s3.get_bucket_versioning(Bucket=BUCKET).get("Status") == "Enabled"


def test_state_is_read_with_managed_resources_only(store: StateStore) -> None:
    put(store, "live-1/network.tfstate", json.dumps(STATE).encode())
    state = store.read_state("network")
    assert state
    assert (state.lineage, state.serial, state.outputs) == ("lineage-1", 3, {"vpc_id": "vpc-1"})
    assert [(one.address, one.attributes["id"]) for one in state.instances] == [("aws_vpc.main", "vpc-1")]


def test_absent_objects_are_none(store: StateStore) -> None:
    assert (store.read_state("network"), store.read_record("network"), store.read_lock("network"), store.read_marker("network")) == (
        None,
    ) * 4


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"lineage": 1}'], ids=["empty", "cut-off", "list", "no-keys", "half"])
def test_damaged_state_is_refused_with_the_way_back(store: StateStore, body: bytes) -> None:
    put(store, "live-1/network.tfstate", body)
    with pytest.raises(StateError) as caught:
        store.read_state("network")
    assert str(caught.value) == (
        f"s3://{BUCKET}/live-1/network.tfstate is not a Terraform state ({len(body)} bytes); "
        "put the last good version back with `tidegate cloud restore-state live-1-network`"
    )


def test_deleted_state_comes_back(store: StateStore) -> None:
    put(store, "live-1/network.tfstate", json.dumps(STATE).encode())
    store.clients.s3.delete_object(Bucket=BUCKET, Key="live-1/network.tfstate")
    assert store.read_state("network") is None
    store.restore_state("network")
    restored = store.read_state("network")
    assert restored
    assert restored.serial == 3


def test_overwritten_state_comes_back_past_the_damage(store: StateStore) -> None:
    put(store, "live-1/network.tfstate", json.dumps(STATE).encode())
    put(store, "live-1/network.tfstate", b"garbage")
    store.restore_state("network")
    restored = store.read_state("network")
    assert restored
    assert restored.serial == 3


def test_restoring_what_never_was_is_refused(store: StateStore) -> None:
    with pytest.raises(StateError, match=r"live-1/network\.tfstate has no earlier version that is a state"):
        store.restore_state("network")


def test_record_and_marker_survive_and_damage_only_costs_work(store: StateStore) -> None:
    record = ApplyRecord(input_sha256="a", lineage="b", serial=1, resources=2)
    store.write_record("network", record)
    assert store.read_record("network") == record
    put(store, "live-1/network.record.json", b"{")
    assert store.read_record("network") is None
    marker = Marker(host="here", pid=1, start_ticks=2)
    store.write_marker("network", marker)
    assert store.read_marker("network") == marker
    store.remove_marker("network")
    assert store.read_marker("network") is None


def test_only_the_lock_that_was_looked_at_is_removed(store: StateStore) -> None:
    info = {"ID": "lock-1", "Who": "root@here", "Operation": "OperationTypeApply", "Created": "2026-11-21T08:00:00Z"}
    put(store, "live-1/network.tfstate.tflock", json.dumps(info).encode())
    lock = store.read_lock("network")
    assert lock == StateLock("lock-1", "root@here", "OperationTypeApply", "2026-11-21T08:00:00Z")
    store.remove_lock("network", StateLock("lock-0", "root@here", "OperationTypeApply", "2026-11-21T07:00:00Z"))
    assert store.read_lock("network") == lock
    assert lock
    store.remove_lock("network", lock)
    assert store.read_lock("network") is None
