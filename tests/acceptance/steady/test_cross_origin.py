"""A listed page may ask from a browser, at both hosts of its tenant; no other page, and at no other tenant's host."""

from __future__ import annotations

import pytest

from tests.acceptance.edge_client import Answer, ask, connect
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(asks=[])]

TENANT = INVENTORY.tenants["assistant"]
PAGE = TENANT.cors_origins[0]
PATH = "/chat/v1/chat/completions"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


def asked(platform: Running, region: str, host: str, origin: str, *, method: str = "OPTIONS") -> Answer:
    told = {"Host": host, "Origin": origin, **(PREFLIGHT if method == "OPTIONS" else {})}
    with connect(platform, region, host) as connection:
        return ask(connection, method, PATH, told)


def hosts(region: str, tenant: str = TENANT.name) -> list[str]:
    cluster = INVENTORY.clusters[region]
    return INVENTORY.tenants[tenant].hosts_in(cluster.domain, cluster.edge.zone_name)


@pytest.mark.parametrize("region", REGIONS)
def test_listed_page_may_ask_without_a_token_and_reads_refusals(platform: Running, region: str) -> None:
    for host in hosts(region):
        answer = asked(platform, region, host, PAGE)
        assert (answer.status, answer.headers.get("access-control-allow-origin")) == (200, PAGE), host
        assert "authorization" in answer.headers["access-control-allow-headers"]
        refused = asked(platform, region, host, PAGE, method="POST")
        assert (refused.status, refused.headers.get("access-control-allow-origin")) == (401, PAGE), host
        assert "x-request-id" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize("region", REGIONS)
def test_other_page_and_other_tenants_host_are_closed(platform: Running, region: str) -> None:
    tried = [(host, "https://evil.example.com") for host in hosts(region)] + [(host, PAGE) for host in hosts(region, "fraud")]
    for host, origin in tried:
        answer = asked(platform, region, host, origin)
        assert answer.status in {401, 404}, (host, origin, answer.body)
        assert not [name for name in answer.headers if name.startswith("access-control-")], (host, origin)
