"""Mutants of the core: without any one of these cares, some schedule lets users get what was not approved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import pytest

from tests.tidegate.release.test_schedules import run_all
from tidegate.contracts.release import Phase
from tidegate.release import decide, memory, routing
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.look import Decision, Look, Remember
from tidegate.release.observation import Health, Judgement, Seen

SEEDS = 400

Patched = Callable[[], AbstractContextManager[Any]]
_only, _stepped = routing.only, memory.stepped


def _abort_that_says_nothing(stable: Any, seen: Any, _left: Any, _reason: Any) -> Any:
    return _only(stable, seen, None, "")


def _skipped_step(status: Any, seen: Any, step: int, percent: int) -> Any:
    return _stepped(status, seen, step, 100 if percent > 10 else percent)


def _any_figures(look: Look) -> Judgement | None:
    return look.seen.judgement


def _good_without_figures(look: Look) -> Judgement | None:
    return look.seen.judgement or Judgement(Outcome.GOOD, "", look.candidate.uid)


def _patch(target: Any, name: str, to: Any) -> Patched:
    return lambda: mock.patch.object(target, name, to)


def _every_ready_revision(look: Look, _sha256: str) -> list[Seen]:
    return [one for one in look.seen.revisions.values() if one.health is Health.READY]


def _steps_without_smoke(look: Look) -> Iterator[Decision]:
    if (step := routing.converge(look.status, look.seen)) is not None:
        yield step
    yield Remember(memory.stepped(look.status, look.seen, 0, look.spec.steps_percent[0]))


MUTANTS: dict[str, Patched] = {
    "no-figures-are-good": _patch(Look, "judged", property(_good_without_figures)),
    "figures-of-another-revision-count": _patch(Look, "judged", property(_any_figures)),
    "a-step-is-skipped": _patch(memory, "stepped", _skipped_step),
    "the-smoke-is-left-out": lambda: mock.patch.dict(decide.PHASES, {Phase.SMOKING: _steps_without_smoke}),
    "whatever-is-ready-is-adopted": _patch(Look, "ready", _every_ready_revision),
    "an-abort-leaves-no-mark": _patch(decide, "only", _abort_that_says_nothing),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_noticed(name: str) -> None:
    with MUTANTS[name](), pytest.raises(AssertionError, match=r"seed \d+"):
        run_all(range(SEEDS))
