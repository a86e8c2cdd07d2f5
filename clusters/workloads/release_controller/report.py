"""What Prometheus reads and what the kubelet asks: `/metrics` and `/healthz`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from clusters.workloads.release_controller.announce import Announcer
from clusters.workloads.release_controller.schedule import Schedule
from clusters.workloads.release_controller.store import Store
from clusters.workloads.release_controller.watch import Watch
from tidegate.contracts.release import Phase

STUCK_SECONDS = 60.0


@dataclass(slots=True)
class Looks:
    """How long looks take, waiting for the API server included."""

    count: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """One look."""
        self.count, self.seconds, self.slowest_seconds = self.count + 1, self.seconds + seconds, max(self.slowest_seconds, seconds)


@dataclass(frozen=True, slots=True)
class Leading:
    """What a replica has while it holds the Lease."""

    store: Store
    watches: tuple[Watch, ...]
    schedule: Schedule
    announcer: Announcer
    looks: Looks = field(default_factory=Looks)


class Report:
    """The two answers of one replica. `asked_at` says when it last asked for the Lease."""

    def __init__(self, asked_at: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._asked_at, self._monotonic = asked_at, monotonic
        self.leading: Leading | None = None

    def problem(self) -> str:
        """Why this process should be started again; empty while it works."""
        now = self._monotonic()
        if (late := now - self._asked_at()) > STUCK_SECONDS:
            return f"the lease was not asked for in {late:.0f} s"
        if self.leading and (late := now - self.leading.schedule.turned_at) > STUCK_SECONDS:
            return f"no model was looked at in {late:.0f} s"
        return ""

    def metrics(self) -> str:
        """In Prometheus' text form."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        leading = self.leading
        yield from _metric("leader", "gauge", "Whether this replica holds the lease.", [("", int(leading is not None))])
        if leading is None:
            return
        phases = Counter(release.status.phase for _, release in leading.store.releases())
        yield from _metric("count", "gauge", "Releases by phase.", [(f'phase="{phase}"', phases[phase]) for phase in Phase])
        aborts = [(f'namespace="{one.namespace}",model="{one.name}"', count) for one, count in sorted(leading.announcer.aborts.items())]
        yield from _metric("aborts_total", "counter", "Versions that were taken back, since this replica holds the lease.", aborts)
        both = [(f'namespace="{one.namespace}",model="{one.name}"', 1) for one in sorted(leading.announcer.both_unhealthy)]
        yield from _metric("both_unhealthy", "gauge", "Models whose stable version and candidate both break their promise.", both)
        ages = [(f'kind="{watch.kind}"', watch.age_seconds()) for watch in leading.watches]
        yield from _metric("watch_age_seconds", "gauge", "Since a watch said something.", ages)
        yield from _metric(
            "blind", "gauge", "Whether a watch is broken.", [(f'kind="{one.kind}"', int(bool(one.why_blind()))) for one in leading.watches]
        )
        looks = leading.looks
        yield from _metric("looks_total", "counter", "Looks at a model.", [("", looks.count)])
        yield from _metric("look_seconds_total", "counter", "Seconds of all looks.", [("", looks.seconds)])
        yield from _metric("look_slowest_seconds", "gauge", "Seconds of the slowest look.", [("", looks.slowest_seconds)])
        yield from _metric("look_conflicts_total", "counter", "Looks that met another write.", [("", leading.schedule.conflicts)])
        yield from _metric("look_failures_total", "counter", "Looks that failed.", [("", leading.schedule.failures)])


async def serve(report: Report, host: str, port: int) -> web.AppRunner:
    """Answers until the runner is cleaned up."""

    async def healthz(_request: web.Request) -> web.Response:
        problem = report.problem()
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=report.metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def _metric(name: str, kind: str, text: str, values: Sequence[tuple[str, float]]) -> Iterator[str]:
    full = f"tidegate_release_{name}"
    yield f"# HELP {full} {text}"
    yield f"# TYPE {full} {kind}"
    for labels, value in values:
        shown = "+Inf" if value == float("inf") else str(int(value)) if value == int(value) else str(value)
        yield f"{full}{{{labels}}} {shown}" if labels else f"{full} {shown}"
