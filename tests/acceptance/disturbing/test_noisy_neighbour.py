"""A tenant that floods the edge is held to its own limit there, and its neighbour gets every answer."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.acceptance.edge_client import Seen, connect, exchange, load
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.embedded import prediction

REGION = REGIONS[0]

# Both regions: what the neighbour sees is compared with the time before and after.
pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(regions=REGIONS)]

NEIGHBOUR = "fraud/scorer"
FLOODER = min(INVENTORY.tenants.values(), key=lambda one: one.requests_per_second)
"""Who may least is over its limit soonest; the edge keeps a bucket per tenant, so that any other would do."""

SECONDS = 15
FLOODING_CALLERS = 40
"""Each waits for its answer before it asks again: six of them, on a busy machine, came to 14 a second, below the limit."""
MOST_REQUESTS = 20_000


def flood(platform: Running, region: str, stop: threading.Event, statuses: Counter[int]) -> None:
    """One caller without a pause, over connections that are kept, to a path without a model: only the edge has work."""
    host = FLOODER.host_in(INVENTORY.clusters[region].domain)
    headers = {"Host": host, "Authorization": f"Bearer {prediction.token_for(platform.local, FLOODER, region)}"}
    while not stop.is_set() and statuses.total() < MOST_REQUESTS:
        try:
            with connect(platform, region, host) as connection:
                while not stop.is_set() and statuses.total() < MOST_REQUESTS and connection.fileno() != -1:
                    statuses[exchange(connection, "POST", "/no-such-model/v2/models/no-such-model/infer", headers, b"{}")[0]] += 1
        except (OSError, http.client.HTTPException):
            continue


def watch_neighbour(platform: Running, region: str) -> Seen:
    with load(platform, region, NEIGHBOUR, per_second=15, callers=3) as seen:
        time.sleep(SECONDS)
    return seen


def test_flooding_tenant_takes_nothing_from_its_neighbour(platform: Running, record_property: Callable[[str, object], None]) -> None:
    region = REGION
    before = watch_neighbour(platform, region)
    stop, statuses = threading.Event(), Counter[int]()
    callers = [threading.Thread(target=flood, args=(platform, region, stop, statuses)) for _ in range(FLOODING_CALLERS)]
    started = time.monotonic()
    for caller in callers:
        caller.start()
    try:
        during = watch_neighbour(platform, region)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    seconds = time.monotonic() - started
    after = watch_neighbour(platform, region)

    calm = Seen(milliseconds=[*before.milliseconds, *after.milliseconds])
    record_property("flood", {"seconds": round(seconds, 1), "statuses": {str(status): count for status, count in statuses.items()}})
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        ratio = during.percentile(share) / calm.percentile(share)
        record_property(f"{name}_during_over_without", round(ratio, 2))
    for seen in (before, during, after):
        assert not seen.bad, seen.first_bad
    assert during.sent > SECONDS, "the neighbour hardly asked, so that nothing was shown"

    allowed = FLOODER.requests_per_second * (seconds + 1)
    assert set(statuses) == {404, 429}, statuses
    assert statuses[429] > allowed / 4, f"{statuses} are no flood for a limit of {allowed:.0f}"
    assert statuses[404] <= allowed * 1.1, f"{statuses[404]} passed the edge, {allowed:.0f} may"
