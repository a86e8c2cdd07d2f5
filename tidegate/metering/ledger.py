"""The cost ledger: a folder per region with a file per month, to which lines are only ever appended.

A meter may be killed at any byte. What it had not finished is a last line without an end: readers pass over it, the next
meter cuts it off. Everything else that is not as it was written is refused by name and left as it is.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidegate.errors import Finding, LedgerError, UsageError
from tidegate.metering.billing.entries import LedgerEntry
from tidegate.metering.records import LedgerLine, first_digest, read_record, written

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class MonthFile:
    """One region's lines of one month."""

    path: Path
    entries: tuple[LedgerEntry, ...]
    digest: str
    """That of the last line, which the next one has to name."""
    whole_bytes: int
    """How much of the file is finished lines."""
    unfinished: bytes
    """What comes after them, even if only its end of line is missing."""


def month_of(at_ms: int) -> str:
    """The month in UTC, such as `2026-11`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")


def read_month(folder: Path, month: str) -> list[MonthFile]:
    """The files of all regions, by region.

    Raises `UsageError` when `month` is none or nothing was metered in it, `LedgerError` for a damaged file and for one
    without any line.
    """
    if not _MONTH.fullmatch(month):
        raise UsageError(f"{month} is no month; write it as 2026-11")
    paths = sorted(folder.glob(f"*/{month}.jsonl"))
    if not paths:
        known = ", ".join(sorted({path.stem for path in folder.glob("*/*.jsonl")}))
        raise UsageError(
            f"nothing was metered in {month}; {f'there are {known}' if known else 'start the meter with `tidegate cost meter`'}"
        )
    files = [read_file(path) for path in paths]
    if empty := [file.path for file in files if not file.entries]:
        problem = "holds no finished line: nothing was metered, which is not the same as nothing spent"
        raise LedgerError([Finding(str(path), "", "ledger-empty", problem, "let the meter run, or remove the file") for path in empty])
    return files


def read_file(path: Path) -> MonthFile:
    """Everything in a file. Raises `LedgerError` naming each line that is not as the meter wrote it."""
    region, month = path.parent.name, path.stem
    content = path.read_bytes()
    *lines, tail = content.split(b"\n")
    digest = first_digest(region, month)
    entries: list[LedgerEntry] = []
    findings: list[Finding] = []
    for number, line in enumerate(lines, start=1):
        source = f"{path}:{number}"
        record = read_record(line, source, digest)
        if isinstance(record, LedgerLine):
            digest = record.sha256
            findings += _misplaced(record.entry, entries[-1] if entries else None, source, region, month)
            entries.append(record.entry)
        else:
            findings += record
            break  # what follows names a line that is not there
    if findings:
        raise LedgerError(findings)
    return MonthFile(path, tuple(entries), digest, len(content) - len(tail), tail)


def _misplaced(entry: LedgerEntry, before: LedgerEntry | None, source: str, region: str, month: str) -> Iterator[Finding]:
    remedy = "restore the file from a copy"
    if entry.region != region:
        yield Finding(source, "entry.region", "ledger-region", f"stands in the ledger of {region}", remedy, entry.region)
    if month_of(entry.start_ms) != month:
        yield Finding(source, "entry.start_ms", "ledger-month", f"is not in {month}", remedy, str(entry.start_ms))
    if before and entry.start_ms < before.end_ms:
        problem = f"begins before the line before ends, {before.end_ms}, so time would count twice"
        yield Finding(source, "entry.start_ms", "ledger-overlap", problem, remedy, str(entry.start_ms))


class Ledger:
    """The ledger of one region, open for its one meter. `end_ms` is where it ends, None when it is new."""

    def __init__(self, folder: Path, region: str) -> None:
        self._folder = folder / region
        self._region = region
        months = sorted(self._folder.glob("*.jsonl"))
        self._months = {path.stem: _repaired(path) for path in months[-1:]}
        self.end_ms = max((file.entries[-1].end_ms for file in self._months.values() if file.entries), default=None)
        if months and self.end_ms is None:  # killed before the first line of a month was finished
            earlier = [read_file(path) for path in months[-2:-1]]
            self.end_ms = max((file.entries[-1].end_ms for file in earlier if file.entries), default=None)
        self._digests = {month: file.digest for month, file in self._months.items()}

    def append(self, entry: LedgerEntry) -> None:
        """Writes `entry` behind the others and waits until the disk has it. Raises `LedgerError` when it cannot."""
        month = month_of(entry.start_ms)
        path = self._folder / f"{month}.jsonl"
        line, digest = written(entry, self._digests.get(month) or first_digest(self._region, month))
        try:
            with path.open("ab", buffering=0) as file:
                left = memoryview(line)
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
        except OSError as error:
            problem = f"cannot be written: {error}"
            raise LedgerError(
                [Finding(str(path), "", "ledger-unwritable", problem, "repair the disk, then start the meter again")]
            ) from error
        self._digests[month], self.end_ms = digest, entry.end_ms


@contextmanager
def open_ledger(folder: Path, region: str) -> Generator[Ledger]:
    """The ledger of `region` for writing, repaired if its last meter was killed.

    Raises `UsageError` when another meter has it, `LedgerError` when it is damaged.
    """
    (folder / region).mkdir(parents=True, exist_ok=True)
    with (folder / region / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"another meter writes {folder / region}; one is enough") from error
        yield Ledger(folder, region)


def _repaired(path: Path) -> MonthFile:
    """Cuts off a line that was never finished; nothing of it was counted."""
    file = read_file(path)
    if file.unfinished:
        os.truncate(path, file.whole_bytes)
    return file
