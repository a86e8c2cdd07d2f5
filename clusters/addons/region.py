"""The region that add-ons are rendered for: its inventory, its facts and its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Annotated

from pydantic import Field

from tidegate.errors import Finding, ManifestError
from tidegate.facts.cluster import Cluster
from tidegate.facts.fact import Fact
from tidegate.facts.names import ClusterName, Host


class RegionFacts(Fact):
    """What only the running region knows (`facts.json`); everything else is in the inventory."""

    cluster: ClusterName

    ca_certificate: str
    """PEM of the certificate authority that signed the registry's, the Git server's and the webhooks' certificates."""

    kserve_webhook_certificate_path: str
    """PEM file for `kserve.WEBHOOK_HOST`, signed by that authority."""

    kserve_webhook_key_path: str
    """Its private key; it is read only to write the Secret that is applied by hand, never into the Git tree."""

    dns_address: IPv4Address
    """The fixed ClusterIP of cluster DNS, which the kubelet writes into every pod."""

    hosts: dict[Host, IPv4Address]
    """Names outside the cluster that pods may ask for: registry, Git server, token issuer, S3, both regions' edge hosts."""

    prometheus_address: IPv4Address | None = None
    """A fixed ClusterIP for Prometheus, for those who look in from outside the cluster."""

    s3_endpoint: str = "http://s3.emulated.example.com"
    """Where models are; the emulator has no TLS."""

    replicas: Annotated[int, Field(ge=1, le=3)] = 1
    """Of controllers that production runs more than once; a region of one node gains nothing from a second."""


@dataclass(frozen=True, slots=True)
class Region:
    """Inventory, facts and images of one region. Images are full references, by the names in `clusters.addons`."""

    cluster: Cluster
    facts: RegionFacts
    images: Mapping[str, str]

    def image(self, name: str) -> str:
        """The reference of an image, which must carry a digest: a tag could be another image tomorrow."""
        reference = self.images.get(name)
        if reference is None:
            raise ManifestError([Finding("images.json", name, "image-missing", "no such image", "build it: `tidegate local build`")])
        if "@sha256:" not in reference:
            remedy = "write name:tag@sha256:<digest>"
            raise ManifestError([Finding("images.json", name, "image-not-pinned", "has no digest", remedy, reference)])
        return reference
