"""Takes every stack down in reverse order, the state buckets last, and proves that the account is empty."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud import listing
from tidegate.cloud.account import Account
from tidegate.cloud.progress import OnProgress, StackProgress
from tidegate.cloud.schedule import by_urgency, run_in_order
from tidegate.cloud.state import StateStore, stores
from tidegate.cloud.synthesis import stack_folder, synthesise
from tidegate.cloud.toolchain import terraform_environment
from tidegate.contracts.stacks import StackEntry
from tidegate.errors import StateError
from tidegate.facts.platform import Platform

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
    progress = StackProgress(on_progress)
    synthesis = synthesise(checkout, account, on_progress=on_progress)
    environment = {**terraform_environment(checkout), **account.environment()}
    in_state: dict[str, int] = {}
    for stack in synthesis.stacks:
        store = by_cluster[stack.cluster]
        if store.has_bucket() and (state := store.read_state(stack.stack)):
            in_state[stack.name] = len(state.instances)
    standing = [stack for stack in synthesis.stacks if stack.name in in_state]
    ordinary = [stack for stack in reversed(standing) if stack.stack != STATE_STACK]
    needs = by_urgency(_reversed_needs(ordinary), {stack.name: in_state[stack.name] for stack in ordinary})
    run_in_order(needs, lambda name: _destroy(stack_folder(checkout, name), name, (environment, account.without), progress))
    _destroy_state_stacks(checkout, [stack for stack in standing if stack.stack == STATE_STACK], by_cluster, account, progress)
    left = [f"{one.type} {one.id} ({one.region})" for one in listing.list_account([store.clients for store in by_cluster.values()])]
    return Destruction(sum(in_state.values()), tuple(left), time.monotonic() - started)


def _reversed_needs(stacks: list[StackEntry]) -> Mapping[str, list[str]]:
    """For every stack those that must be gone before it: the ones that read it."""
    return {stack.name: [other.name for other in stacks if stack.name in other.depends_on] for stack in stacks}


def _destroy(folder: Path, name: str, surroundings: tuple[Mapping[str, str], Sequence[str]], progress: StackProgress) -> None:
    """Destroys one stack with terraform itself: `cdktf destroy` plans first and so pays for the provider's schema twice."""
    environment, without = surroundings
    progress.say(name, "destroying")
    if not (folder / ".terraform").is_dir():
        tools.run(["terraform", "init", "-no-color"], cwd=folder, env=environment, without=without)
    # Without a refresh: whether anything is left is asked of the account itself, at the end.
    command = ["terraform", "destroy", "-auto-approve", "-no-color", "-refresh=false"]
    watch = progress.watch(name)
    seconds = tools.stream(command, watch.on_line, cwd=folder, env=environment, without=without)
    progress.say(name, f"destroyed {watch.changed} resources in {seconds:.0f} s")


def _destroy_state_stacks(
    checkout: Checkout, stacks: Sequence[StackEntry], by_cluster: Mapping[str, StateStore], account: Account, progress: StackProgress
) -> None:
    """The stacks whose buckets hold their own state: the states move to files first, outside the buckets."""
    out = checkout.embedded / "state-teardown"
    shutil.rmtree(out, ignore_errors=True)
    synthesise(checkout, account, out, state="local", on_progress=progress.say)
    environment = {**terraform_environment(checkout), **account.environment()}
    clusters = {stack.name: stack.cluster for stack in stacks}

    def destroy_one(name: str) -> None:
        store, folder = by_cluster[clusters[name]], out / "stacks" / name
        body = store.read_state_bytes(STATE_STACK)
        if body is None:
            raise StateError(f"{name}: the state vanished while destroying; empty s3://{store.bucket} by hand")
        (folder / _local_state_name(folder)).write_bytes(body)
        # Before terraform turns versioning off: moto fails to delete markers after that.
        store.purge()
        _destroy(folder, name, (environment, account.without), progress)

    run_in_order({name: [] for name in clusters}, destroy_one)
    shutil.rmtree(out)


def _local_state_name(folder: Path) -> str:
    configuration = json.loads((folder / "cdk.tf.json").read_text(encoding="utf-8"))
    return str(configuration["terraform"]["backend"]["local"]["path"])
