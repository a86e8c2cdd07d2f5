"""Commands that create and repair the cloud stacks' state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json, Wait, at_work
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.checkout import Checkout
    from tidegate.cloud.state import StateStore

StackName = Annotated[str, typer.Argument(help="<cluster>-<stack>, such as live-1-network.")]
Aws = Annotated[bool, typer.Option("--aws", help="The real account, with your own credentials; default the embedded one.")]


def create_state_bucket(
    cluster: Annotated[str, typer.Argument(help="Such as live-1.")],
    json: Json = False,
) -> None:
    """Make the state bucket of a region in the real account, before its first `cdktf deploy`."""
    from tidegate.checkout import find_checkout
    from tidegate.cloud import repair_state
    from tidegate.cloud.account import Account
    from tidegate.facts import inventory

    screen = Screen(json)
    bucket, is_new = repair_state.create_state_bucket(inventory.load(find_checkout().root), Account(None), cluster)
    screen.text(f"{bucket} {'was created' if is_new else 'is there already'}; the stack {cluster}-state adopts it.")
    screen.answer({"bucket": bucket, "created": is_new})


def restore_state(stack: StackName, aws: Aws = False, json: Json = False, wait: Wait = False) -> None:
    """Put the last good version of a stack's lost or damaged state back."""
    from tidegate.checkout import find_checkout
    from tidegate.cloud.account import own_errors

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, f"cloud restore-state {stack}", wait):
        store, short = _find_store(checkout, stack, aws)
        with own_errors():
            version = store.restore_state(short)
    screen.text(f"{stack}: version {version} is the current state again; apply once more to see that nothing changes.")
    screen.answer({"stack": stack, "restored_version": version})


def unlock(
    stack: StackName,
    lock_id: Annotated[str, typer.Option("--id", help="The lock's id, to be sure it is the one you mean.")],
    aws: Aws = False,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Free the lock of a writer that is dead. Make sure it is."""
    from tidegate.checkout import find_checkout
    from tidegate.errors import UsageError

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, f"cloud unlock {stack}", wait):
        store, short = _find_store(checkout, stack, aws)
        lock = store.read_lock(short)
        if lock is None:
            raise UsageError(f"{stack} is not locked")
        if lock.id != lock_id:
            raise UsageError(f"{stack} is locked by {lock.who} with id {lock.id}, not {lock_id}")
        store.remove_lock(short, lock)
    screen.text(f"{stack}: the lock of {lock.who} ({lock.operation}, since {lock.created}) is free.")
    screen.answer({"stack": stack, "freed": lock})


def _find_store(checkout: Checkout, stack: str, aws: bool) -> tuple[StateStore, str]:
    from tidegate.cloud import repair_state
    from tidegate.cloud.account import Account
    from tidegate.embedded import emulator
    from tidegate.errors import UsageError
    from tidegate.facts import inventory

    running = emulator.find_running(checkout)
    if running is None and not aws:
        raise UsageError("the embedded platform is down; `tidegate up` starts it, --aws means the real account")
    account = Account(running.endpoint if running and not aws else None)
    return repair_state.find_store(inventory.load(checkout.root), account, stack)
