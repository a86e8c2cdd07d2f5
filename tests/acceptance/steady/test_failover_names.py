"""A caller that knows a name only: the failover record, the address behind it, and the answer there, in either region.

Host, path and failover records are those of the synthesised stacks; here they are written by the Route 53 API, because tests on regions
apply only the stacks that regions need. `tests/tidegate/cloud/test_embedded_cloud.py` has terraform make the zone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.edge_client import ask, connect
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tests.resolver import Resolver
from tidegate.cloud.account import Account
from tidegate.embedded import edge_addresses, emulator, prediction

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client

pytestmark = [
    pytest.mark.timeout(300),
    # Both regions in one row: they have one zone, and two workers would make it twice.
    pytest.mark.touches(regions=REGIONS, asks=["fraud", "credit", "merchants"]),
]

MODELS = ["fraud/scorer", "credit/decision", "merchants/anomaly"]


def synthesised(platform: Running, region: str) -> dict[str, Any]:
    path = platform.checkout.root / f"cdktf.out/stacks/{region}-edge/cdk.tf.json"
    return json.loads(path.read_text(encoding="utf-8"))["resource"]


@pytest.fixture(scope="module")
def resolver(platform: Running) -> Iterator[Resolver]:
    """The zone as `tidegate up` leaves it; made here, and deleted at the end, where the edges' stacks are not applied."""
    running = emulator.find_running(platform.checkout)
    assert running
    account = Account(running.endpoint)
    clusters = {region: INVENTORY.clusters[region] for region in REGIONS}
    api = account.in_region(clusters[REGIONS[0]].region).route53
    zone_name = clusters[REGIONS[0]].edge.zone_name
    if standing := [one["Id"] for one in api.list_hosted_zones()["HostedZones"] if one["Name"].rstrip(".") == zone_name]:
        yield Resolver.of_zone(api, standing[0])
        return
    zone = api.create_hosted_zone(Name=zone_name, CallerReference="tests")["HostedZone"]["Id"]
    try:
        change(api, zone, "CREATE", [record for region in REGIONS for record in failover_records(platform, region)])
        nodes = {region: platform.local.addresses.regions[region].node for region in REGIONS}
        assert edge_addresses.write(account, clusters, nodes)
        yield Resolver.of_zone(api, zone)
    finally:
        found = api.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        change(api, zone, "DELETE", [record for record in found if record["Type"] not in {"NS", "SOA"}])
        api.delete_hosted_zone(Id=zone)


def change(api: Route53Client, zone: str, action: str, records: Iterable[Any]) -> None:
    changes: Any = [{"Action": action, "ResourceRecordSet": record} for record in records]
    api.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def failover_records(platform: Running, region: str) -> Iterator[dict[str, Any]]:
    """As terraform would ask for them."""
    for record in synthesised(platform, region)["aws_route53_record"].values():
        yield {
            "Name": record["name"],
            "Type": record["type"],
            "TTL": record["ttl"],
            "SetIdentifier": record["set_identifier"],
            "Failover": record["failover_routing_policy"][0]["type"],
            "ResourceRecords": [{"Value": value} for value in record["records"]],
        }


def at(platform: Running, address: str) -> str:
    """The region whose edge has an address; its relay on loopback leads there."""
    (region,) = (name for name in REGIONS if platform.local.addresses.regions[name].node == address)
    return region


@pytest.mark.parametrize("well", REGIONS)
@pytest.mark.parametrize("reference", MODELS)
def test_name_leads_to_an_address_and_the_address_answers(platform: Running, resolver: Resolver, reference: str, well: str) -> None:
    tenant = INVENTORY.tenants[reference.partition("/")[0]]
    host = tenant.host_in(INVENTORY.clusters[well].edge.zone_name)
    region = at(platform, resolver.address(host, well))
    assert region == well
    sample = platform.sample(reference)
    told = {
        "Host": host,
        "Content-Type": "application/json",
        "Authorization": f"Bearer {prediction.token_for(platform.local, tenant, region)}",
    }
    with connect(platform, region, host) as connection:
        answer = ask(connection, "POST", f"/{reference.partition('/')[2]}{sample.path}", told, json.dumps(sample.request).encode())
    assert answer.status == 200, answer.body[:300]


@pytest.mark.parametrize("region", REGIONS)
def test_name_of_the_health_check_leads_to_the_region_that_it_is_about(platform: Running, resolver: Resolver, region: str) -> None:
    (check,) = synthesised(platform, region)["aws_route53_health_check"].values()
    assert at(platform, resolver.address(check["fqdn"], region)) == region
    with connect(platform, region, check["fqdn"]) as connection:
        assert ask(connection, "GET", check["resource_path"], {"Host": check["fqdn"]}).status == 200
