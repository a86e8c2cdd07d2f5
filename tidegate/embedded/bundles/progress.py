"""Tells how far a long copy is, every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SIGN_OF_LIFE_SECONDS = 5.0
"""Between two lines; a reader gives up after ten silent seconds."""


@dataclass
class CopyProgress:
    """One copy under way."""

    on_progress: Callable[[str, str], None]
    doing: str
    """In the form of `unpacking`."""
    total_bytes: int
    done_bytes: int = 0
    _started: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def add(self, size_bytes: int) -> None:
        """Counts what was copied since the last call."""
        self.done_bytes += size_bytes
        if time.monotonic() - self._told >= SIGN_OF_LIFE_SECONDS:
            self._told = time.monotonic()
            self.on_progress("bundle", f"{self.doing}: {self.done_bytes / 1e6:.0f} of {self.total_bytes / 1e6:.0f} MB, {self._rate()}")

    def end(self) -> None:
        """Tells how long it took in all."""
        seconds = time.monotonic() - self._started
        self.on_progress("bundle", f"{self.doing}: {self.done_bytes / 1e6:.0f} MB in {seconds:.1f} s, {self._rate()}")

    def _rate(self) -> str:
        return f"{self.done_bytes / 1e6 / max(time.monotonic() - self._started, 1e-3):.0f} MB/s"
