"""What ended in a model's pods of late and was started again: a model may be ready and crash every few minutes.

Kubernetes keeps, for each container of a pod, how often it was started again and how it ended last. So a container is looked at when its
last end was within the past hour; an out-of-memory kill that another end came after is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.live.observed_pods import ContainerStatus, Pod, Terminated

RECENT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Restarted:
    """A container that was started again, and its last end."""

    pod: Pod
    container: str
    count: int
    ended: Terminated
    at: datetime

    def told(self, now: datetime) -> str:
        """In words, with how long ago it ended."""
        minutes = max(0, int((now - self.at).total_seconds() // 60))
        why = self.ended.reason if self.ended.is_out_of_memory else f"exit code {self.ended.exit_code}"
        times = "once" if self.count == 1 else f"{self.count} times"
        return f"container {self.container} was started again {times}, last after {why} {minutes} min ago"


def restarted(pods: Iterable[Pod], now: datetime) -> list[Restarted]:
    """The containers of `pods` whose last end was within the past hour, the newest end first."""
    found = [one for pod in pods for container in (*pod.status.init_containers, *pod.status.containers) if (one := _of(pod, container))]
    return sorted((one for one in found if timedelta(0) <= now - one.at + _SKEW <= RECENT + _SKEW), key=lambda one: one.at, reverse=True)


def out_of_memory(found: Sequence[Restarted]) -> Restarted | None:
    """The newest that the kernel killed for its memory."""
    return next((one for one in found if one.ended.is_out_of_memory), None)


_SKEW = timedelta(minutes=5)
"""The clock here may be behind the node's."""


def _of(pod: Pod, container: ContainerStatus) -> Restarted | None:
    ended = container.last_state.terminated
    at = ended.at if ended else None
    if ended is None or at is None or not container.restart_count:
        return None
    return Restarted(pod, container.name, container.restart_count, ended, at)
