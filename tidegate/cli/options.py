"""Options that several commands have, and what they mean."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tidegate.checkout import Checkout
    from tidegate.cli.screen import Screen

Wait = Annotated[bool, typer.Option("--wait", help="Wait while another command is at work in this checkout; else end with 75.")]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

RequestedBy = Annotated[str, typer.Option(help="Mail address of who answers for the removal.")]

Reason = Annotated[str, typer.Option(help="Why, in one line.")]

BundleKey = Annotated[
    Path | None,
    typer.Option(
        "--bundle-key", metavar="FILE", help="The one public key (PEM) to trust for bundles. Default: those that the checkout commits."
    ),
]


@contextmanager
def at_work(screen: Screen, checkout: Checkout, command: str, wait: bool) -> Generator[None]:
    """Inside, `command` is the only one that changes the checkout; raises `BusyError` unless it may `wait`."""
    from tidegate.tools.one_at_a_time import alone

    def on_wait(who: str) -> None:
        screen.progress("waiting", who)

    with alone(checkout.lock, f"tidegate {command}", on_wait if wait else None, lambda line: screen.progress("left over", line)):
        yield
