"""Commands that mend the cloud stacks' state."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.platform import Json
from tidegate.cli.screen import Screen

StackName = Annotated[str, typer.Argument(help="<cluster>-<stack>, such as live-1-network.")]


def restore_state(stack: StackName, json: Json = False) -> None:
    """Put the last good version of a stack's lost or damaged state back."""
    from tidegate.operations.checkout import find_checkout
    from tidegate.operations.embedded_cloud import find_store

    screen = Screen(json)
    store, short = find_store(find_checkout(), stack)
    version = store.restore_state(short)
    screen.text(f"{stack}: version {version} is the current state again; run `tidegate up` to see that nothing changes.")
    screen.answer({"stack": stack, "restored_version": version})


def unlock(
    stack: StackName,
    lock_id: Annotated[str, typer.Option("--id", help="The lock's id, to be sure it is the one you mean.")],
    json: Json = False,
) -> None:
    """Free the lock of a writer that is dead. Make sure it is."""
    from tidegate.errors import UsageError
    from tidegate.operations.checkout import find_checkout
    from tidegate.operations.embedded_cloud import find_store

    screen = Screen(json)
    store, short = find_store(find_checkout(), stack)
    lock = store.read_lock(short)
    if lock is None:
        raise UsageError(f"{stack} is not locked")
    if lock.id != lock_id:
        raise UsageError(f"{stack} is locked by {lock.who} with id {lock.id}, not {lock_id}")
    store.remove_lock(short, lock)
    screen.text(f"{stack}: the lock of {lock.who} ({lock.operation}, since {lock.created}) is free.")
    screen.answer({"stack": stack, "freed": lock})
