"""Runs a meter: events in, closed lines of the ledger out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tidegate.metering.billing.entries import LedgerEntry
from tidegate.metering.billing.events import Event
from tidegate.metering.billing.roster import Roster
from tidegate.metering.ledger import Ledger

CLOSE_SECONDS = 300
"""How long a line of the ledger lasts. A meter that is killed loses no more of what came and went meanwhile; a month of one
region takes some 9,000 lines."""


def meter(
    events: Iterable[Event], ledger: Ledger, region: str, *, close_seconds: int = CLOSE_SECONDS,
    on_entry: Callable[[LedgerEntry], None] = lambda _entry: None,
) -> None:  # fmt: skip
    """Writes what `events` come to until they end, or until it is interrupted; what is open then is closed first.

    The events may come from anywhere: a region (`RegionSource`), one that is pretended, or one whose time is compressed
    (`tidegate.metering.billing.events.compressed`). A ledger that has lines is gone on with where it ends.
    """
    roster: Roster | None = None
    now_ms = 0

    def close(until_ms: int) -> None:
        for entry in roster.close(until_ms) if roster else ():
            ledger.append(entry)
            on_entry(entry)

    try:
        for event in events:
            now_ms = max(now_ms, event.at_ms)
            if roster is None:
                roster = Roster(region, event.at_ms if ledger.end_ms is None else ledger.end_ms)
            roster.see(event)
            close(now_ms - now_ms % (close_seconds * 1000))
    except KeyboardInterrupt:
        close(now_ms)
        raise
    close(now_ms)
