"""What people can follow of a release as it goes: Kubernetes' events, the log, and counts for Prometheus."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from clusters.workloads.release_controller.api import Api, ApiError
from clusters.workloads.release_controller.kinds import EVENTS
from clusters.workloads.release_controller.known import Model, Release
from clusters.workloads.release_controller.lease import Lease
from clusters.workloads.release_controller.server_time import micro_time
from tidegate.contracts.release import Phase, ReleaseStatus
from tidegate.contracts.release_names import FIELD_MANAGER, RELEASE_GROUP, RELEASE_KIND, RELEASE_VERSION
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.look import Decision, Look, Remember
from tidegate.release.observation import SetRoute

logger = logging.getLogger(__name__)

QUEUE_MAX = 500
NOTE_MAX = 1000
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Announcer:
    """Tells; never waits and never fails. Events are sent one after the other by `run`."""

    def __init__(self, api: Api, lease: Lease, now: Callable[[], datetime]) -> None:
        self._api, self._lease, self._now = api, lease, now
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(QUEUE_MAX)
        self._said: dict[tuple[Model, str], str] = {}
        self.aborts: Counter[Model] = Counter()
        self.both_unhealthy: set[Model] = set()

    async def run(self) -> None:
        """Sends what is queued, until it is cancelled."""
        while True:
            path, event = await self._queue.get()
            try:
                self._lease.must_be_held()
                await self._api.send("POST", path, event)
            except ApiError as error:
                logger.info("an event was not written: %s", error)

    def forget(self, model: Model) -> None:
        """Its Release is gone."""
        self.both_unhealthy.discard(model)
        for key in [one for one in self._said if one[0] == model]:
            del self._said[key]

    def wrote(self, model: Model, before: Release, decision: Decision) -> None:
        """A write was made."""
        logger.info("%s: %s", model, _short(decision))
        if isinstance(decision, Remember):
            self._moved(model, before, decision.status)

    def acts(self, model: Model, decision: Decision) -> None:
        """Something was asked for that is no object."""
        if self._is_new(model, "act", str(decision)):
            logger.info("%s: %s", model, _short(decision))

    def waits(self, model: Model, release: Release, look: Look, reason: str) -> None:
        """Nothing is done now. Why it is held stands in one event, not in one for every second."""
        if self._is_new(model, "wait", _NUMBER.sub("#", reason)):
            is_at_rest = look.status.phase is Phase.STEADY and look.spec.wanted.sha256 == look.stable.sha256
            logger.log(logging.DEBUG if is_at_rest else logging.INFO, "%s: %s: %s", model, look.status.phase, reason)
        judged = look.judged if look.status.candidate else None
        is_both = judged is not None and judged.outcome is Outcome.BOTH_UNHEALTHY
        (self.both_unhealthy.add if is_both else self.both_unhealthy.discard)(model)
        held = _why_held(look)
        if self._is_new(model, "held", _NUMBER.sub("#", held)) and held:
            self._event(model, release, "Held", reason, is_warning=is_both)

    def failed(self, model: Model, release: Release, message: str) -> None:
        """A look failed."""
        if self._is_new(model, "failed", _NUMBER.sub("#", message)):
            self._event(model, release, "Failed", message, is_warning=True)

    def unreadable(self, model: Model, release: Release) -> None:
        """The Release, or an order on it, makes no sense."""
        if self._is_new(model, "problem", release.problem):
            logger.warning("%s: %s", model, release.problem)
            self._event(model, release, "Unreadable", release.problem, is_warning=True)

    def _moved(self, model: Model, release: Release, after: ReleaseStatus) -> None:
        before, text = release.status, after.message
        if len(after.aborted) > len(before.aborted) or (after.aborted and after.aborted[-1:] != before.aborted[-1:]):
            self.aborts[model] += 1
            self._event(model, release, "Aborted", after.aborted[-1].reason, is_warning=True)
        elif after.phase is not before.phase and after.phase is Phase.STARTING:
            self._event(model, release, "Begun", text)
        elif after.phase is Phase.PROMOTING and before.phase is not Phase.PROMOTING:
            self._event(model, release, "Promoted", text)
        elif after.allowed_percent > before.allowed_percent:
            self._event(model, release, "Step", text)
        elif after.stable != before.stable and after.stable:
            self._event(model, release, "Moved", text)
        if after.phase is not before.phase:
            self.both_unhealthy.discard(model)

    def _is_new(self, model: Model, what: str, text: str) -> bool:
        is_new = self._said.get((model, what)) != text
        self._said[model, what] = text
        return is_new

    def _event(self, model: Model, release: Release, reason: str, note: str, *, is_warning: bool = False) -> None:
        event = {
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"namespace": model.namespace, "name": f"{model.name}.{uuid.uuid4().hex[:16]}"},
            "eventTime": micro_time(self._now()),
            "reportingController": f"{RELEASE_GROUP}/{FIELD_MANAGER}", "reportingInstance": self._lease.identity[-128:],
            "action": "Release", "reason": reason, "type": "Warning" if is_warning else "Normal", "note": note[:NOTE_MAX],
            "regarding": {
                "apiVersion": f"{RELEASE_GROUP}/{RELEASE_VERSION}", "kind": RELEASE_KIND, "namespace": model.namespace, "name": model.name,
                "uid": release.uid,
            },
        }  # fmt: skip
        try:
            self._queue.put_nowait((EVENTS.path(model.namespace), event))
        except asyncio.QueueFull:
            logger.warning("%s: an event was left out: %s", model, note)


def _why_held(look: Look) -> str:
    """Why users are not moved up now; empty when only time has to pass."""
    phase, judged = look.status.phase, look.judged if look.status.candidate else None
    if phase is Phase.STEPPING and (judged is None or judged.outcome in {Outcome.HOLD, Outcome.BOTH_UNHEALTHY}):
        return judged.sentence if judged else "there are no figures of the candidate"
    is_begun = phase in {Phase.SMOKING, Phase.STEPPING}
    if is_begun or (look.status.stable and look.goal.sha256 != look.status.stable.sha256 and phase is Phase.STEADY):
        beginning = "" if is_begun else look.seen.lacks_room or ("" if look.seen.news.may_begin else look.seen.news.sentence)
        return look.held or beginning
    return ""


def _short(decision: Decision) -> str:
    if isinstance(decision, Remember):
        status = decision.status
        return f"{status.phase} {status.allowed_percent} %: {status.message}"
    if isinstance(decision, SetRoute):
        shares = ", ".join(f"{one.revision} {one.percent} %" for one in decision.targets)
        return f"Route: {shares}" + (f" because {decision.reason}" if decision.reason else "")
    return str(decision)
