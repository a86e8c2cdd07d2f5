"""What the controller is careful about: old news and the Lease."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from unittest import mock

import pytest

from clusters.workloads.release_controller import turn
from clusters.workloads.release_controller.api import ApiError
from clusters.workloads.release_controller.lease import LeaseLostError
from tests.clusters.workloads.release_controller import virtual_time
from tests.clusters.workloads.release_controller.processes import NAMESPACE, Process, region, until
from tests.clusters.workloads.release_controller.seen import at_share, notes
from tests.clusters.workloads.release_controller.simulated_region import (
    ROUTE_KEY,
    ROUTES,
    is_settled,
)
from tests.clusters.workloads.release_controller.told import Told
from tests.tidegate.release.world import Kind, files

GOOD = {1: Kind.GOOD, 2: Kind.GOOD}


def test_broken_watch_holds_every_rise_and_no_abort() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            there.server.cut(is_cut=True)
            await asyncio.sleep(300)
            assert there.status.allowed_percent == 10, "it never went up on old news"
            assert any("is broken" in note or "s old" in note for note in notes(there, "Held")), notes(there, "Held")
            route = there.server.get(ROUTES, ROUTE_KEY)
            assert route
            route["metadata"]["labels"]["somebody"] = "wrote"
            there.server.put(ROUTES, route, "maria")  # another version of it than the one that was seen
            there.kinds[2] = Kind.ERRORING
            await until(lambda: there.route is not None and there.route.share(there.status.stable) == 100, 10, there)
            there.server.cut(is_cut=False)
            await until(lambda: is_settled(there), 600, there)
            assert there.spec.promoted == files(1)
            await one.end()

    virtual_time.run(play())


def test_silent_watch_is_old_news() -> None:
    """A connection that TCP believes in."""

    async def play() -> None:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            leading = one.replica.report.leading
            assert leading
            assert {watch.why_blind() for watch in leading.watches} == {""}
            there.server.is_silent = True  # those that are open say nothing
            await asyncio.sleep(95)
            assert [watch.why_blind() for watch in leading.watches if "s old" not in watch.why_blind()] == []
            await one.end()

    virtual_time.run(play())


def test_lease_goes_to_the_other_when_its_holder_dies() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            one, other = (Process(there, Told(there), pod) for pod in ("one", "other"))
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            other.start()
            await asyncio.sleep(5)
            assert (one.replica.lease.is_held(), other.replica.lease.is_held()) == (True, False)
            one.kill()
            await until(other.replica.lease.is_held, 21, there)
            await until(lambda: is_settled(there), 600, there)
            assert there.spec.promoted == files(2)
            await other.end()
            assert (
                there.server.objects["apis/coordination.k8s.io/v1/leases"][NAMESPACE, "release-controller"]["spec"]["holderIdentity"] == ""
            )

    virtual_time.run(play())


def test_process_that_slept_does_not_write() -> None:
    """It finds that its time is over before it has heard anything."""

    async def play() -> None:
        async with region(GOOD) as there:
            one, other = (Process(there, Told(there), pod) for pod in ("one", "other"))
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            lease = one.replica.lease
            lease.must_be_held()
            one.connection.meet = _stopped  # its renewals do not get out
            await asyncio.sleep(9)
            with pytest.raises(LeaseLostError, match="one-1 did not renew the lease for 8 s"):
                lease.must_be_held()
            other.start()
            await until(other.replica.lease.is_held, 25, there)
            assert one.replica.report.leading is None
            await other.end()
            one.kill()

    virtual_time.run(play())


async def _stopped(_when: str, _method: str, _path: str) -> None:
    raise ApiError(0, "nothing gets out")


def test_share_is_raised_on_what_is_there_and_not_on_what_was_kept() -> None:
    """The candidate crashed while the watch of revisions was silent for less than anybody notices."""

    async def play(*, reads: bool) -> int:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            with _without_fresh_reads(active=not reads):
                one.start()
                await until(lambda: at_share(there, 10), 300, there)
                there.server.is_silent = True
                candidate = there.status.candidate
                assert candidate
                there.fates[candidate.uid] = (0.0, there.now)
                await asyncio.sleep(30)
                await one.end()
            return there.status.allowed_percent

    assert virtual_time.run(play(reads=True)) != 25
    assert virtual_time.run(play(reads=False)) == 25, "the test sees the difference"


@contextmanager
def _without_fresh_reads(*, active: bool) -> Generator[None]:
    if not active:
        yield
        return
    with mock.patch.object(turn, "takes_back", return_value=True):
        yield
