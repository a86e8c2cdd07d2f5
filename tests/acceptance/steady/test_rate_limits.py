"""Each tenant has its own limit at the edge; a burst above it is refused, passes, and limits nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.edge_client import connect, exchange
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.embedded import prediction

LIMITED = min(INVENTORY.tenants.values(), key=lambda one: one.requests_per_second)
"""Who may least is over its limit soonest."""

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=["fraud"], tenant=LIMITED.name)]


@pytest.mark.parametrize("region", REGIONS)
def test_burst_above_a_tenants_limit_is_answered_with_429_and_passes(
    platform: Running, region: str, record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    """A path that no model has, so that only the edge works."""
    tenant = LIMITED
    host = tenant.host_in(INVENTORY.clusters[region].domain)
    bearer = prediction.token_for(platform.local, tenant, region)
    headers = {"Host": host, "Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}

    def burst(count: int) -> list[int]:
        statuses: list[int] = []
        while len(statuses) < count:
            with connect(platform, region, host) as connection:
                while len(statuses) < count and connection.fileno() != -1:
                    statuses.append(exchange(connection, "POST", "/no-such-model/v2/models/no-such-model/infer", headers, b"{}")[0])
        return statuses

    with ThreadPoolExecutor(4) as threads:
        statuses = [status for each in threads.map(burst, [tenant.requests_per_second] * 4) for status in each]
    limited = statuses.count(429)
    record_property("limited", f"{limited} of {len(statuses)}")
    assert limited, f"{len(statuses)} requests at once against {tenant.requests_per_second} a second: {set(statuses)}"
    time.sleep(1.5)
    assert burst(1) == [404], "the limit does not pass"


def test_limit_of_one_tenant_does_not_limit_another(platform: Running) -> None:
    assert {platform.ask("live-2", "fraud/scorer").status for _ in range(40)} == {200}
