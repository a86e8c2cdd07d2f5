"""Brings the regions of the checkout in the working directory up, without the cloud's stacks: `python -m tests.measure.soak.regions_up`.

It never ends by itself: it waits for the model registry, which nobody provisions here.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.embedded import emulator, regions
from tidegate.facts import inventory


def main() -> None:
    """Brings them up, telling each step on stdout."""
    checkout, started = Checkout(Path.cwd()), time.monotonic()

    def tell(subject: str, what: str) -> None:
        sys.stdout.write(f"{time.monotonic() - started:7.1f} s  {subject}: {what}\n")
        sys.stdout.flush()

    running, _ = emulator.ensure_running(checkout)
    regions.bring_up_regions(checkout, inventory.load(checkout.root), running.endpoint, Future(), tell)


if __name__ == "__main__":
    main()
