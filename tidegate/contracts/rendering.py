"""What `clusters` is asked to render, and what it answers."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated

from pydantic import Field

from tidegate.errors import Finding
from tidegate.facts.fact import Fact
from tidegate.facts.names import ClusterName, Host


class RenderSummary(Fact):
    """What a rendering of tenants and components wrote, in clusters, objects and files."""

    clusters: int
    objects: int
    files_written: int
    files_unchanged: int
    files_removed: int


class RenderCheck(Fact):
    """What is wrong with the rendered files, by rendering them again in memory."""

    findings: tuple[Finding, ...]


class AddOnModule(Fact):
    """A Go module that add-ons are read from."""

    key: str
    """`<family> <path>`, or the path alone where no build of ours pins the module."""
    path: str
    version: str
    reads: tuple[str, ...]
    """What is read of it, in words; other words are other files."""


class AddOnEntry(Fact):
    """One add-on as `python -m clusters.addons list` prints it: its release, and where it comes from."""

    name: str
    version: str
    wave: int
    namespace: str
    by_hand: bool
    production: dict[str, object]
    """What production installs: `kind` is the class of `clusters.addons.add_on`, the rest its fields."""
    modules: tuple[AddOnModule, ...]
    images: tuple[str, ...]
    owned_namespaces: tuple[str, ...]
    ignored_differences: tuple[dict[str, object], ...]


class RegionFacts(Fact):
    """What only the running region knows; everything else is in the inventory."""

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


class AddOnsRequest(Fact):
    """Add-ons of one region to be rendered, from what, and where to."""

    facts: RegionFacts
    images: dict[str, str]
    """Full references by the names in `clusters.addons`."""
    modules: dict[str, Path]
    """The folder of each module by `AddOnModule.key`."""
    helm: Path
    kubectl: Path
    out: Path
    """The folder that then holds exactly the add-ons."""
    secrets: Path | None = None
    """A file for what is applied by hand and never committed, readable by its owner only."""
