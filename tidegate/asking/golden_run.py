"""Asks a golden set of a candidate, and of the version that serves: every row gets an answer or the reason why it has none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.asking.callers import Caller, NoReplyError, Reply
from tidegate.asking.golden_folder import GoldenFolder, look_for_leaks
from tidegate.asking.requests import Batch, OddAnswerError, batches
from tidegate.errors import UsageError
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.models.spoken import Protocol, protocol_of
from tidegate.gates.golden_set.samples import Answer, Answers, GoldenSamples

IN_A_ROW = 3
"""So many requests without any reply, and the rest is not sent: each may take as long as a start from zero."""

_TOO_MANY = 429
_PATIENCE, _WAIT_SECONDS_MAX = 10, 10.0
"""How often, and how long at most, a rate limit is waited for: it says nothing of the model."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One version, where it answers."""

    version: str
    """For people."""
    name: str
    """The model's in paths."""
    url: str
    caller: Caller


def measure(
    model: str, served: ServedModel, folder: GoldenFolder, candidate: Asked, serving: Asked | None = None, *, is_first: bool = False,
    training: Path | None = None, note: str = "", on_progress: Callable[[str, str], None] = lambda _subject, _what: None,
    wait: Callable[[float], None] = time.sleep,
) -> GoldenSamples:  # fmt: skip
    """All that a verdict is made of. `model` is `<tenant>/<name>`; `training` the list of the candidate's training rows.

    Raises `UsageError` for a set that is not this model's.
    """
    if folder.metric != served.golden_set.metric:
        raise UsageError(f"expected.json is for {folder.metric}, and golden_set.metric is {served.golden_set.metric}; make them the same")

    def answers_of(asked: Asked) -> Answers:
        on_progress("golden set", f"{len(folder.inputs)} rows to {asked.version} at {asked.url}")
        found = ask(folder, protocol_of(served), asked, wait=wait)
        return Answers(version=asked.version, url=asked.url, answers=found)

    return GoldenSamples(
        model=model, golden_set=served.golden_set, sha256_found=folder.sha256, labels=folder.labels, slices=folder.slices,
        candidate=answers_of(candidate), serving=answers_of(serving) if serving else None, is_first=is_first,
        training=look_for_leaks(folder.inputs, training) if training else None, note=note,
    )  # fmt: skip


def ask(folder: GoldenFolder, protocol: Protocol, asked: Asked, *, wait: Callable[[float], None] = time.sleep) -> tuple[Answer, ...]:
    """An answer for each row, in their order."""
    found: list[Answer] = []
    unreplied = 0
    for batch in batches(folder.inputs, folder.labels, protocol, asked.name):
        if unreplied >= IN_A_ROW:
            found += _without(batch.rows, f"given up after {IN_A_ROW} requests in a row without a reply")
            continue
        try:
            reply = _patiently(asked.caller, batch, wait)
            unreplied = 0
        except NoReplyError as error:
            unreplied += 1
            found += _without(batch.rows, str(error))
            continue
        found += _read(batch, reply)
    return tuple(sorted(found, key=lambda one: one.row))


def _patiently(caller: Caller, batch: Batch, wait: Callable[[float], None]) -> Reply:
    body = json.dumps(batch.body).encode()
    for _ in range(_PATIENCE):
        reply = caller(batch.path, body)
        if reply.status != _TOO_MANY:
            return reply
        wait(min(_WAIT_SECONDS_MAX, float(reply.retry_after) if reply.retry_after.isdecimal() else 1.0))
    return caller(batch.path, body)


def _read(batch: Batch, reply: Reply) -> list[Answer]:
    if reply.status != 200:
        return _without(batch.rows, f"status {reply.status}")
    try:
        return [Answer(row=row, value=value) for row, value in zip(batch.rows, batch.values_in(reply.body), strict=True)]
    except OddAnswerError as error:
        return _without(batch.rows, str(error))


def _without(rows: Sequence[int], failure: str) -> list[Answer]:
    return [Answer(row=row, failure=failure) for row in rows]
