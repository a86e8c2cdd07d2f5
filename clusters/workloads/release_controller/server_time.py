"""The API server's time, from the Date of its answers and a clock of ours that only runs forward."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

JUMP_SECONDS = 5.0
UNTRUSTED_SECONDS = 30.0
SILENT_SECONDS = 120.0
"""Without an answer for so long our own clock is all there is."""

_DATE_RESOLUTION = 1.0


def monotonic() -> float:
    """Seconds that run on while the machine sleeps: a Lease ends meanwhile, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def micro_time(moment: datetime) -> str:
    """As Kubernetes writes a time with microseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class ServerTime:
    """What time the API server has, and whether one may go by it."""

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._offset: float | None = None
        self._ours = wall() - monotonic()
        self._heard_at = float("-inf")
        self._trusted_from = float("-inf")

    def heard(self, date: str, asked: float, had: float) -> None:
        """An answer said `date`; it was asked for and had at these seconds of the clock that runs forward."""
        try:
            said = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        low, high = said - had, said + _DATE_RESOLUTION - asked
        self._heard_at = had
        if self._offset is None:
            self._offset = (low + high) / 2
            return
        near = min(max(self._offset, low), high)
        if abs(near - self._offset) > JUMP_SECONDS:
            self._trusted_from = self._monotonic() + UNTRUSTED_SECONDS
        self._offset = near

    def now(self) -> datetime:
        """The API server's time; that of this machine before the first answer, which nobody trusts."""
        offset = self._ours if self._offset is None else self._offset
        return datetime.fromtimestamp(self._monotonic() + offset, UTC)

    def is_trusted(self) -> bool:
        """Whether neither clock jumped lately, and the server's was heard."""
        now = self._monotonic()
        ours = self._wall() - now
        if abs(ours - self._ours) > JUMP_SECONDS:
            self._trusted_from = now + UNTRUSTED_SECONDS
        self._ours = ours
        return now >= self._trusted_from and now - self._heard_at <= SILENT_SECONDS
