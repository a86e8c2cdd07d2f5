"""What a recording says of each request, for the gate that asks what happened when. Pure."""

from __future__ import annotations

from loadtests.recording import Recording
from tidegate.gates.scale.samples import Request, Sent


def sent_in(recording: Recording) -> Sent:
    """The requests of the first endpoint, of all processes, by when they were due."""
    name = recording.plan.endpoints[0].name
    parts = [one for process in recording.processes for one in process.endpoints if one.name == name]
    requests = [
        Request(due=_seconds(one.due_ms), begun=_seconds(one.begun_ms), ended=_seconds(one.ended_ms), failure=one.failure)
        for part in parts for one in part.requests
    ]  # fmt: skip
    furthest = max(recording.processes, key=lambda one: abs(one.wall_seconds - one.monotonic_seconds), default=None)
    return Sent(
        due=sum(part.due for part in parts), requests=tuple(sorted(requests, key=lambda one: (one.due, one.begun))),
        begin_monotonic=min((one.begin_monotonic for one in recording.processes), default=0.0),
        monotonic_seconds=furthest.monotonic_seconds if furthest else 0.0, wall_seconds=furthest.wall_seconds if furthest else 0.0,
    )  # fmt: skip


def _seconds(milliseconds: float) -> float:
    return round(milliseconds / 1000, 6)
