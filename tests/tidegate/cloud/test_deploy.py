"""One stack under way: what fails once in the emulator is tried again, in a real account it is not."""

# pyright: reportPrivateUsage=false
# One stack under way is not for callers; tests may look behind doors.

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from moto import mock_aws

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud import deploy, guard
from tidegate.cloud.account import Account
from tidegate.cloud.state import Marker, StateStore
from tidegate.contracts.stacks import StackEntry, Synthesis
from tidegate.errors import ToolError

STACK = StackEntry(name="live-1-edge", cluster="live-1", stack="edge", region="eu-west-1", depends_on=(), resources=1, applied_locally=True)
STATE: dict[str, object] = {"version": 4, "serial": 1, "lineage": "lineage-1", "outputs": {}, "resources": []}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[StateStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "emulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulated")
    with mock_aws():
        found = StateStore(Account(None).in_region("eu-west-1"), "tidegate-live-1-state-123456789012", "live-1")
        found.ensure_bucket()
        yield found


def under_way(
    tmp_path: Path, store: StateStore, endpoint: str | None, monkeypatch: pytest.MonkeyPatch, exit_code: int
) -> tuple[deploy._DeployRun, list[str]]:
    """A run whose first `cdktf deploy` fails with `exit_code`, and whose second would succeed."""
    folder = tmp_path / "cdktf.out" / "stacks" / STACK.name
    folder.mkdir(parents=True)
    (folder / "cdk.tf.json").write_text("{}")
    said: list[str] = []
    synthesis = Synthesis(stacks=(STACK,), not_applied_locally=())
    run = deploy._DeployRun(Checkout(tmp_path), Account(endpoint), synthesis, {"live-1": store}, lambda _stack, what: said.append(what))
    run._evidence[STACK.name] = guard.Evidence(None, None, was_cut_off=False, living=())
    attempts: list[str] = []

    def cdktf_deploy(name: str) -> tuple[int, float]:
        attempts.append(name)
        if len(attempts) == 1:
            raise ToolError("cdktf deploy", exit_code, "Error: role already added")
        store.clients.s3.put_object(Bucket=store.bucket, Key=store.state_key("edge"), Body=json.dumps(STATE).encode())
        return 1, 0.1

    monkeypatch.setattr(run, "_cdktf_deploy", cdktf_deploy)
    return run, said


def test_stack_that_fails_in_the_emulator_is_tried_once_more(tmp_path: Path, store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run, said = under_way(tmp_path, store, "http://127.0.0.1:1", monkeypatch, 1)
    run.bring_up(STACK.name)
    assert said[:2] == ["failed: Error: role already added", "trying once more, 0 resources to adopt"]
    assert store.read_record("edge")
    assert store.read_marker("edge") is None


@pytest.mark.parametrize(
    ("endpoint", "exit_code"), [(None, 1), ("http://127.0.0.1:1", tools.INTERRUPTED)], ids=["real-account", "interrupted"]
)
def test_failure_that_people_must_see_is_raised_and_remembered(
    tmp_path: Path, store: StateStore, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, exit_code: int
) -> None:
    run, said = under_way(tmp_path, store, endpoint, monkeypatch, exit_code)
    with pytest.raises(ToolError, match="role already added"):
        run.bring_up(STACK.name)
    assert said == []
    assert store.read_record("edge") is None
    assert store.read_marker("edge"), "the next run must know that this one was cut off"


def test_lock_of_somebody_else_stops_everything_and_that_of_a_dead_run_is_freed(
    tmp_path: Path, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, said = under_way(tmp_path, store, "http://127.0.0.1:1", monkeypatch, 1)
    assert run._free_lock(STACK) is None
    host = socket.gethostname()
    lock = {"ID": "lock-1", "Who": f"root@{host}", "Operation": "OperationTypeApply", "Created": "2026-11-21T08:00:00Z"}
    key = f"{store.state_key('edge')}.tflock"
    store.clients.s3.put_object(Bucket=store.bucket, Key=key, Body=json.dumps(lock).encode())
    held = run._free_lock(STACK)
    assert held
    assert str(held).endswith("`tidegate cloud unlock live-1-edge --id lock-1` [state-locked]")
    store.write_marker("edge", Marker(host=host, pid=1, start_ticks=-1))
    assert run._free_lock(STACK) is None
    assert said == ["freed the lock of a run that was killed (pid 1)"]
    assert store.read_lock("edge") is None


def test_awaited_stacks_are_told_once_when_all_of_them_are_done(tmp_path: Path) -> None:
    told: list[str] = []
    listing = Synthesis(stacks=(), not_applied_locally=())
    run = deploy._DeployRun(
        Checkout(tmp_path), Account(None), listing, {}, lambda _stack, _what: None,
        awaited={"live-1-state", "live-1-registry"}, on_awaited=lambda: told.append("all"),
    )  # fmt: skip
    for name, so_far in (("live-1-state", 0), ("live-1-network", 0), ("live-1-registry", 1), ("live-1-edge", 1)):
        run._finish(deploy.StackResult(name, guard.Action.SKIP, 0, 0, 0), Mock())
        assert len(told) == so_far, name
