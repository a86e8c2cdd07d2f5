"""Takes every stack down in reverse order, the state buckets last, and proves that the account is empty."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.errors import StateError
from tidegate.model.platform import Platform
from tidegate.operations.checkout import Checkout
from tidegate.operations.cloud import listing
from tidegate.operations.cloud.account import Account
from tidegate.operations.cloud.progress import OnProgress, Progress
from tidegate.operations.cloud.schedule import run_in_order
from tidegate.operations.cloud.state import StateStore, stores
from tidegate.operations.cloud.synthesis import Stack, synthesise
from tidegate.operations.toolchain import terraform_environment

STATE_STACK = "state"


@dataclass(frozen=True, slots=True)
class Destruction:
    """What a destroy did: how many resources were in state before, and what the account still lists (nothing, we hope)."""

    destroyed: int
    left_over: tuple[str, ...]
    seconds: float


def destroy(checkout: Checkout, platform: Platform, account: Account, on_progress: OnProgress) -> Destruction:
    """Destroys all stacks. Only for the emulated account: production stacks forbid it (`prevent_destroy`)."""
    if account.endpoint is None:
        raise StateError("Tidegate destroys the emulated account only; a real region is taken down stack by stack, by hand")
    started = time.monotonic()
    by_cluster = stores(platform, account)
    progress = Progress(on_progress)
    synthesis = synthesise(checkout, account.environment())
    environment = {**terraform_environment(checkout), **account.environment()}
    in_state: dict[str, int] = {}
    for stack in synthesis.stacks:
        store = by_cluster[stack.cluster]
        if store.has_bucket() and (state := store.read_state(stack.stack)):
            in_state[stack.name] = len(state.instances)
    standing = [stack for stack in synthesis.stacks if stack.name in in_state]
    ordinary = [stack for stack in reversed(standing) if stack.stack != STATE_STACK]
    run_in_order(_reversed_needs(ordinary), lambda name: _destroy(checkout, name, environment, progress, checkout.synthesised))
    for stack in standing:
        if stack.stack == STATE_STACK:
            _destroy_state_stack(checkout, stack, by_cluster[stack.cluster], account, progress)
    left = [f"{one.type} {one.id} ({one.region})" for one in listing.list_account([store.clients for store in by_cluster.values()])]
    return Destruction(sum(in_state.values()), tuple(left), time.monotonic() - started)


def _reversed_needs(stacks: list[Stack]) -> Mapping[str, list[str]]:
    """For every stack those that must be gone before it: the ones that read it."""
    return {stack.name: [other.name for other in stacks if stack.name in other.depends_on] for stack in stacks}


def _destroy(checkout: Checkout, name: str, environment: Mapping[str, str], progress: Progress, out: Path) -> None:
    command = [
        str(checkout.cdktf), "destroy", name, "--skip-synth", "--skip-provider-lock", "--auto-approve",
        "--ignore-missing-stack-dependencies", "--output", str(out),
    ]  # fmt: skip
    progress.say(name, "destroying")
    watch = progress.watch(name)
    seconds = tools.stream(command, watch.on_line, cwd=checkout.root, env=environment)
    progress.say(name, f"destroyed {watch.changed} resources in {seconds:.0f} s")


def _destroy_state_stack(checkout: Checkout, stack: Stack, store: StateStore, account: Account, progress: Progress) -> None:
    """The stack whose bucket holds its own state: the state moves to a file first, outside the bucket."""
    out = checkout.embedded / "state-teardown"
    shutil.rmtree(out, ignore_errors=True)
    synthesise(checkout, {**account.environment(), "TIDEGATE_STATE": "local"}, out)
    body = store.read_state_bytes(stack.stack)
    if body is None:
        raise StateError(f"{stack.name}: the state vanished while destroying; empty s3://{store.bucket} by hand")
    path = out / "stacks" / stack.name / _local_state_name(out / "stacks" / stack.name)
    path.write_bytes(body)
    store.purge()
    _destroy(checkout, stack.name, {**terraform_environment(checkout), **account.environment()}, progress, out)
    shutil.rmtree(out)


def _local_state_name(folder: Path) -> str:
    configuration = json.loads((folder / "cdk.tf.json").read_text(encoding="utf-8"))
    return str(configuration["terraform"]["backend"]["local"]["path"])
