"""A ledger's lines: one JSON document each, which names the line before by its digest.

So a line that was changed, lost, doubled or moved shows, whoever or whatever did it; a line that was never finished, too.
"""

from __future__ import annotations

import hashlib

from pydantic import ValidationError

from tidegate.errors import Finding
from tidegate.facts.fact import Fact, Sha256
from tidegate.facts.inventory.refusals import findings_of
from tidegate.metering.billing.entries import LedgerEntry

_SEAL = ',"sha256":"'
_SEAL_LENGTH = len(_SEAL) + 64 + len('"}')


class LedgerLine(Fact):
    """A line. `sha256` is that of all that stands before it."""

    entry: LedgerEntry
    previous: Sha256
    """The `sha256` of the line before; of the first line, the digest of the file's name."""
    sha256: Sha256


def first_digest(region: str, month: str) -> str:
    """What the first line of a file names as the line before, so that a whole file cannot pass for another."""
    return hashlib.sha256(f"{region}/{month}".encode()).hexdigest()


def written(entry: LedgerEntry, previous: str) -> tuple[bytes, str]:
    """The line of `entry` with its end of line, and its digest."""
    sealed = f'{{"entry":{entry.model_dump_json(exclude_defaults=True)},"previous":"{previous}"'
    digest = hashlib.sha256(sealed.encode()).hexdigest()
    return f'{sealed}{_SEAL}{digest}"}}\n'.encode(), digest


def read_record(line: bytes, source: str, previous: str) -> LedgerLine | list[Finding]:
    """The record of a line without its end; findings, under the name `source`, when it is not what a meter wrote after `previous`."""
    remedy = "restore the file from a copy"
    sealed = line[:-_SEAL_LENGTH]
    if not line.endswith(f'{_SEAL}{hashlib.sha256(sealed).hexdigest()}"}}'.encode()):
        return [Finding(source, "", "ledger-line-damaged", "is not what the meter wrote", remedy)]
    try:
        record = LedgerLine.model_validate_json(line)
    except ValidationError as error:
        return findings_of(error, source, LedgerLine, None)
    if record.previous != previous:
        problem = "does not follow the line before: lines are lost, doubled or in another order"
        return [Finding(source, "previous", "ledger-chain-broken", problem, remedy, record.previous)]
    return record
