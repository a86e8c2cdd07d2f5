"""The embedded platform's cloud: the emulated account brought up, looked at from outside, and taken away."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tidegate.checkout import Checkout
from tidegate.cloud import listing
from tidegate.cloud.account import Account, own_errors
from tidegate.cloud.deploy import Deployment, deploy
from tidegate.cloud.destroy import Destruction, destroy
from tidegate.cloud.progress import OnProgress
from tidegate.cloud.state import stores
from tidegate.embedded import emulator
from tidegate.errors import EmulatorError
from tidegate.facts.platform import Platform


@dataclass(frozen=True, slots=True)
class CloudUp:
    """The account after `up`: the deploy, how many resources its API lists, and those among them that no state holds."""

    endpoint: str
    deployment: Deployment
    listed: int
    held_by_none: tuple[str, ...]


@own_errors()
def bring_up(
    checkout: Checkout, platform: Platform, on_progress: OnProgress, *, awaited: Collection[str] = (), only: Collection[str] | None = None,
    on_awaited: Callable[[], None] = lambda: None,
) -> CloudUp:  # fmt: skip
    """Starts the emulated AWS if need be, deploys every stack into it and asks its API for each resource.

    Stacks that are `awaited`, by their short names, go before others, and `on_awaited` is called after them; with `only`, there are no others.

    The caller has looked for missing tools. Raises `EmulatorError` when the account does not list what state holds.
    """
    running, is_new = emulator.ensure_running(checkout)
    on_progress("emulated AWS", f"{'started' if is_new else 'runs'} on {running.endpoint}")
    account = Account(running.endpoint)
    deployment = deploy(checkout, platform, account, on_progress, awaited=awaited, only=only, on_awaited=on_awaited)
    by_cluster = stores(platform, account)
    states = [state for name in deployment.outputs if (state := by_cluster[name.rsplit("-", 1)[0]].read_state(name.rsplit("-", 1)[1]))]
    listed = listing.list_account([store.clients for store in by_cluster.values()])
    not_listed = listing.missing_from(listed, states)
    if not_listed:
        raise EmulatorError("the account does not list what state holds:\n" + "\n".join(not_listed))
    return CloudUp(running.endpoint, deployment, len(listed), tuple(listing.held_by_none(listed, states)))


@own_errors()
def take_down(checkout: Checkout, platform: Platform, on_progress: OnProgress) -> Destruction | None:
    """Destroys every stack, proves the account empty and stops the emulator; None when it was down already.

    Raises `EmulatorError`, and leaves the emulator running for a look, when something is left.
    """
    running = emulator.find_running(checkout)
    if running is None:
        emulator.stop(checkout)
        return None
    result = destroy(checkout, platform, Account(running.endpoint), on_progress)
    if result.left_over:
        raise EmulatorError("the account is not empty after destroy:\n" + "\n".join(result.left_over))
    emulator.stop(checkout)
    on_progress("emulated AWS", "stopped")
    return result
