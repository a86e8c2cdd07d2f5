"""One look at one model: what is known, what follows, the one write, and what people get to know of it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from clusters.workloads.release_controller.announce import Announcer
from clusters.workloads.release_controller.api import ApiError, UnreachableError
from clusters.workloads.release_controller.known import Known, Model, Release
from clusters.workloads.release_controller.observe import observe
from clusters.workloads.release_controller.reader import Reader
from clusters.workloads.release_controller.server_time import ServerTime
from clusters.workloads.release_controller.sources import Sources
from clusters.workloads.release_controller.store import Store
from clusters.workloads.release_controller.write import Writer, takes_back
from tidegate.contracts.release import Phase, ReleaseSpec
from tidegate.release.decide import decide
from tidegate.release.look import Decision, Look, Remember, Wait
from tidegate.release.observation import ProposeCommit, RunSmoke

logger = logging.getLogger(__name__)

COMPARING_SECONDS, STARTING_SECONDS, WAITING_SECONDS, RESTING_SECONDS = 1.0, 5.0, 30.0, 600.0
"""Until the next look when nothing happens: users are on two versions; a pod starts; something holds; nothing is to be done."""

MESSAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class Parts:
    """What a look uses."""

    store: Store
    reader: Reader
    writer: Writer
    sources: Sources
    clock: ServerTime
    announcer: Announcer
    blind: Callable[[], str]


class Turn:
    """Looks at models."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def look(self, model: Model) -> float | None:
        """Looks once; seconds until the next look, None when the model has no Release."""
        parts = self._parts
        known = parts.store.known(model)
        if known.release is None:
            parts.announcer.forget(model)
            return None
        if known.release.spec is None:
            parts.announcer.unreadable(model, known.release)
            return RESTING_SECONDS
        if known.release.problem:
            parts.announcer.unreadable(model, known.release)
        decision, look = self._decide(known, known.release, known.release.spec)
        if takes_back(decision, known):
            try:
                return await self._write(decision, known, known.release, look)
            except UnreachableError:
                raise
            except ApiError as refused:
                logger.info("%s: reads, because what was seen last is not what is there: %s", model, refused)
        if not isinstance(decision, Wait | RunSmoke | ProposeCommit):
            known = await parts.reader.read(model)
            if known.release is None or known.release.spec is None:
                return STARTING_SECONDS
            decision, look = self._decide(known, known.release, known.release.spec)
        if isinstance(decision, Wait):
            parts.announcer.waits(model, known.release, look, decision.reason)
            return _pause(look)
        return await self._write(decision, known, known.release, look)

    async def _write(self, decision: Decision, known: Known, release: Release, look: Look) -> float:
        parts = self._parts
        written = await parts.writer.carry_out(decision, known, release, look.spec)
        if written is None:
            parts.announcer.acts(known.model, decision)
            return _pause(look)
        kind, item = written
        parts.store.put(kind, item)
        parts.announcer.wrote(known.model, release, decision)
        return 0.0

    async def failed(self, model: Model, error: Exception) -> None:
        """Notes in the Release why nothing moves."""
        known = self._parts.store.known(model)
        release = known.release
        if release is None or release.spec is None:
            return
        message = f"the controller could not go on: {error}"[:MESSAGE_MAX]
        self._parts.announcer.failed(model, release, message)
        if release.status.message != message and release.status.phase is not Phase.ABORTING:
            status = release.status.model_copy(update={"message": message})
            kind, item = await self._parts.writer.remember(model, release, release.spec, status)
            self._parts.store.put(kind, item)

    def is_urgent(self, model: Model) -> bool:
        """Whether users are on two versions."""
        release = self._parts.store.release(model)
        return release is not None and release.status.phase in {Phase.SMOKING, Phase.STEPPING}

    def _decide(self, known: Known, release: Release, spec: ReleaseSpec) -> tuple[Decision, Look]:
        parts = self._parts
        seen = observe(known, release, spec, parts.sources, clock=parts.clock, blind=parts.blind())
        decision = decide(spec, release.status, seen)
        if isinstance(decision, Remember) and decision.status == release.status:
            decision = Wait(release.status.message)
        return decision, Look(spec, release.status, seen)


def _pause(look: Look) -> float:
    match look.status.phase:
        case Phase.SMOKING | Phase.STEPPING:
            return COMPARING_SECONDS
        case Phase.STARTING | Phase.ABORTING:
            return STARTING_SECONDS
        case Phase.NEW | Phase.STEADY | Phase.PROMOTING:
            is_at_rest = look.status.stable is not None and look.status.stable.sha256 == look.spec.wanted.sha256
            return RESTING_SECONDS * random.uniform(0.9, 1.1) if is_at_rest else WAITING_SECONDS  # noqa: S311 - spreads looks
