"""Mutants of the controller: without any one of these cares, some schedule lets users get what was not approved, or never ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import pytest

from clusters.workloads.release_controller import observe, write
from clusters.workloads.release_controller.server_time import ServerTime
from tests.clusters.workloads.release_controller.test_schedules import nobody_minds_the_lease, run_all

SEEDS = range(2000, 2030)

_send = write.Writer._send  # pyright: ignore[reportPrivateUsage]
_seen = observe.Observation


async def _unbound(self: write.Writer, method: str, path: str, body: Any, *others: Any) -> Any:
    kept = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
    return await _send(self, method, path, {**body, "metadata": kept}, *others)


def _always_latest(**facts: Any) -> Any:
    """Takes whatever answers for the candidate's figures."""
    judged = facts["judgement"]
    candidate = facts["revisions"].get(facts["latest"])
    if judged and candidate:
        facts["judgement"] = type(judged)(judged.outcome, judged.sentence, candidate.revision.uid)
    return _seen(**facts)


def _patch(target: Any, name: str, to: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: mock.patch.object(target, name, to)


MUTANTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "writes-are-bound-to-nothing": _patch(write.Writer, "_send", _unbound),
    "figures-of-whoever-answers": _patch(observe, "Observation", _always_latest),
    "clocks-are-always-trusted": _patch(ServerTime, "is_trusted", lambda _clock: True),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_noticed(name: str) -> None:
    with MUTANTS[name](), nobody_minds_the_lease(), pytest.raises(AssertionError, match=r"seed \d+"):
        run_all(SEEDS)
