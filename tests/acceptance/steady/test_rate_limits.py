"""Each tenant and each caller has a limit at the edge; a burst above it is refused, passes, and limits nobody else."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.edge_client import connect, exchange
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.embedded import prediction
from tidegate.facts import names

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


PORTAL, DESK = (caller for caller in INVENTORY.tenants["assistant"].callers if caller.subject)
NO_MODEL = "/no-such-model/v2/models/no-such-model/infer"


def asked(platform: Running, region: str, subject: str | None, hosts: list[str]) -> Counter[tuple[int, str]]:
    """Status and reason of one request of a caller of assistant's to each of `hosts`, over connections that stay open."""
    bearer = prediction.token_for(platform.local, INVENTORY.tenants["assistant"], region, subject=subject)
    connections = {host: connect(platform, region, host) for host in set(hosts)}
    found: Counter[tuple[int, str]] = Counter()
    for host in hosts:
        if connections[host].fileno() == -1:
            connections[host] = connect(platform, region, host)
        headers = {"Host": host, "Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        status, body = exchange(connections[host], "POST", NO_MODEL, headers, b"{}")
        found[status, json.loads(body)["reason"]] += 1
    for connection in connections.values():
        connection.close()
    return found


@pytest.mark.parametrize("region", REGIONS)
def test_caller_that_floods_is_refused_at_all_hosts_and_leaves_another_its_share(platform: Running, region: str) -> None:
    tenant, cluster = INVENTORY.tenants["assistant"], INVENTORY.clusters[region]
    hosts = tenant.hosts_in(cluster.domain, cluster.edge.zone_name)
    assert len(hosts) == 2
    assert PORTAL.requests_per_second
    time.sleep(1.1)
    with ThreadPoolExecutor(3) as threads:
        flood = [threads.submit(asked, platform, region, PORTAL.subject, hosts * 2 * PORTAL.requests_per_second) for _ in range(2)]
        other = threads.submit(asked, platform, region, DESK.subject, hosts)
        found = sum((one.result() for one in flood), Counter[tuple[int, str]]())
    assert found[429, "caller_rate_limited"], found
    assert not found[429, "rate_limited"], "the flood has used up what is the others'"
    assert other.result() == {(404, "model_not_found"): 2}


@pytest.mark.parametrize("region", REGIONS)
def test_gateway_sends_a_model_no_more_at_once_than_its_tenants_rule_says(platform: Running, region: str) -> None:
    """Every revision that the local gateway knows, by Envoy's own account."""
    rule = platform.read(region, "destinationrules.networking.istio.io", "in-flight-fraud", f"--namespace={names.NAMESPACE_EDGE}")
    most = rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"]
    command = [f"deployment/{names.gateway_workload(names.GATEWAY_LOCAL)}", f"--namespace={names.NAMESPACE_EDGE}", "--"]
    told = platform.cluster(region).run("exec", *command, "pilot-agent", "request", "GET", "clusters")
    limits = [
        line
        for line in told.splitlines()
        if "scorer-predictor-" in line and ".tenant-fraud." in line and "::default_priority::max_requests::" in line
    ]
    assert limits, "no revision is known"
    assert {int(line.rpartition("::")[2]) for line in limits} == {most}
