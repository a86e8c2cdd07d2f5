"""Follows names through a zone as a resolver would, by the Route 53 API; which of two regions is well is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client


@dataclass(frozen=True)
class Resolver:
    """The records of one zone."""

    records: list[dict[str, Any]]

    @classmethod
    def of_zone(cls, api: Route53Client, zone_id: str) -> Resolver:
        pages = api.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id)
        return cls([cast("dict[str, Any]", one) for page in pages for one in page["ResourceRecordSets"]])

    def address(self, host: str, region: str) -> str:
        """Where a caller of `host` comes to while `region` is the one that is well."""
        for _ in range(5):
            found = self._find(host, region)
            (value,) = [one["Value"] for one in found["ResourceRecords"]]
            if found["Type"] == "A":
                return value
            host = value
        raise AssertionError(f"{host} leads in circles")

    def _find(self, host: str, region: str) -> dict[str, Any]:
        wildcard = f"*.{host.partition('.')[2]}"
        for name in (host, wildcard):  # a name of its own hides the wildcard
            # The API writes `*` as its octal code.
            found = [
                one
                for one in self.records
                if one["Name"].rstrip(".").replace("\\052", "*") == name and one["Type"] in {"A", "CNAME"}
                and one.get("SetIdentifier", region) == region
            ]  # fmt: skip
            if found:
                (one,) = found
                return one
        raise AssertionError(f"the zone has no record for {host}")
