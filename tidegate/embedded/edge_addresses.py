"""Has the emulated zone say where the edges of the regions are, as external-dns does where a cloud's balancer takes the traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from tidegate.cloud.account import Account, own_errors
from tidegate.contracts import address_records
from tidegate.errors import CloudError
from tidegate.facts import names
from tidegate.facts.cluster import Cluster

if TYPE_CHECKING:  # the stubs are a test dependency
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_route53.type_defs import ChangeTypeDef, ResourceRecordSetUnionTypeDef

_SERVICE = f"{names.NAMESPACE_EDGE}/{names.gateway_workload(names.GATEWAY_EDGE)}"


@own_errors()
def write(account: Account, clusters: Mapping[str, Cluster], addresses: Mapping[str, str]) -> dict[str, str]:
    """Writes the records of each cluster that has an address, over what was there; returns the hosts and their addresses.

    A zone that no stack has made gets none. Raises `CloudError` when the API refuses, or has two zones of one name.
    """
    written: dict[str, str] = {}
    for name, address in addresses.items():
        cluster = clusters[name]
        api = account.in_region(cluster.region).route53
        if found := _zone(api, cluster):
            api.change_resource_record_sets(HostedZoneId=found, ChangeBatch={"Changes": list(_changes(cluster, address))})
            written |= dict.fromkeys(address_records.hosts(cluster), address)
    return written


def _zone(api: Route53Client, cluster: Cluster) -> str | None:
    """The id of the public zone of the cluster's edge. Several may have one name; whoever asks is sent to one of them by its name servers."""
    listed = api.list_hosted_zones_by_name(DNSName=cluster.edge.zone_name)["HostedZones"]
    found = [
        zone["Id"] for zone in listed if zone["Name"] == f"{cluster.edge.zone_name}." and not zone.get("Config", {}).get("PrivateZone")
    ]
    if len(found) > 1:
        ids = ", ".join(sorted(found))
        message = f"{cluster.edge.zone_name}: there are {len(found)} public zones of this name, {ids}: delete those that no stack made"
        raise CloudError(message)
    return next(iter(found), None)


def _changes(cluster: Cluster, address: str) -> Iterator[ChangeTypeDef]:
    text = address_records.mark_text(cluster, _SERVICE)
    for host in address_records.hosts(cluster):
        yield _upsert(host, "A", address)
        yield _upsert(address_records.mark_of(host), "TXT", text)


def _upsert(name: str, kind: Literal["A", "TXT"], value: str) -> ChangeTypeDef:
    record: ResourceRecordSetUnionTypeDef = {
        "Name": name, "Type": kind, "TTL": address_records.TTL_SECONDS, "ResourceRecords": [{"Value": value}],
    }  # fmt: skip
    return {"Action": "UPSERT", "ResourceRecordSet": record}
