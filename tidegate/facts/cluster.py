"""The facts of one cluster: where it is, how big it may get and which GPUs it can bring."""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from tidegate.facts.fact import Fact, refuse
from tidegate.facts.names import ClusterName, Domain, Host, PoolName
from tidegate.facts.nodes.accelerators import Accelerator, Share, instance_shapes
from tidegate.facts.nodes.cpu_pools import CpuPool, SystemPool
from tidegate.facts.nodes.node_shapes import InstanceType
from tidegate.facts.stage import Stage

AwsRegion = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[1-9]$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$")]
Zone = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[1-9][a-z]$")]
Cidr = Annotated[str, StringConstraints(pattern=r"^[0-9.]+/[0-9]{1,2}$")]


_IN_PARTITION_AWS = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[1-9]")
"""Regions whose ARNs begin with `arn:aws:`, as botocore's partitions.json describes them; China and GovCloud have partitions of their own."""


SYSTEM_POOL = "system"
"""How the managed group of nodes that always runs is called, beside the pools of the file."""


class CapacityType(StrEnum):
    """How a node is paid for; the words are Karpenter's."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"
    RESERVED = "reserved"


_RFC_1918 = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""What a VPC may be made of; `is_private` would also let loopback and link-local through."""


def parse_cidr(text: str) -> IPv4Network:
    """The network `text` names; refuses host bits with the corrected network."""
    try:
        return IPv4Network(text)
    except ValueError as error:
        if "host bits" in str(error):
            right = IPv4Network(text, strict=False)
            raise refuse("cidr-host-bits", "the address has host bits set", f"write {right}") from error
        raise refuse("cidr-malformed", "not an IPv4 network", "write it as a.b.c.d/n") from error


class Network(Fact):
    """The cluster's VPC."""

    cidr: Cidr
    """The VPC's address range, between /16 and /20: six subnets and the pods of every node come out of it."""
    availability_zones: Annotated[tuple[Zone, ...], Field(min_length=3, max_length=3)]
    """Three zones, because a quorum must outlive one of them."""
    nat_per_zone: bool = True
    """One NAT gateway per zone; false saves money and makes one zone a single point of failure."""

    @field_validator("cidr")
    @classmethod
    def _cidr_is_a_vpc(cls, cidr: str) -> str:
        network = parse_cidr(cidr)
        if not any(network.subnet_of(private) for private in _RFC_1918):
            raise refuse("cidr-public", "a VPC needs private addresses", "choose a range of RFC 1918")
        if not 16 <= network.prefixlen <= 20:
            raise refuse("cidr-size", "a VPC here is a /16 to /20", "change the prefix length")
        return cidr


class Endpoint(Fact):
    """Who reaches the Kubernetes API server."""

    public: bool = False
    """Whether the API server also answers on a public address."""
    allowed_cidrs: tuple[Cidr, ...] = ()
    """Who may use the public address; must name somebody when `public` is true."""

    @field_validator("allowed_cidrs")
    @classmethod
    def _nobody_is_everybody(cls, cidrs: tuple[str, ...]) -> tuple[str, ...]:
        for index, cidr in enumerate(cidrs):
            if parse_cidr(cidr).prefixlen < 8:  # two halves of the internet are everyone, too
                raise refuse(
                    "endpoint-open-to-all", "opens the API server to everyone", "list your own ranges", at=f"[{index}]", value=cidr
                )
        return cidrs

    @model_validator(mode="after")
    def _public_names_its_callers(self) -> Self:
        if self.public and not self.allowed_cidrs:
            raise refuse(
                "endpoint-public-without-cidrs", "a public endpoint needs to know its callers", "list your own ranges", at="allowed_cidrs"
            )
        if not self.public and self.allowed_cidrs:
            raise refuse(
                "endpoint-private-with-cidrs",
                "does nothing on a private endpoint",
                "remove it",
                at="allowed_cidrs",
                value=", ".join(self.allowed_cidrs),
            )
        return self


class MigSharing(Fact):
    """Cards cut into hardware partitions; every card of the pool has the same profile."""

    kind: Literal["mig"]
    profile: Annotated[str, StringConstraints(pattern=r"^[1-7]g\.[0-9]{1,2}gb$")]
    """The slice every card is cut into, such as `1g.10gb`."""


class TimeSlicing(Fact):
    """Cards shared in turns, without memory isolation: for tolerant work only."""

    kind: Literal["time-slicing"]
    replicas: Annotated[int, Field(ge=2, le=16)]
    """How many pods share a card."""


class GpuPool(Fact):
    """One kind of GPU node, tainted, from zero. It becomes a Karpenter NodePool."""

    accelerator: Accelerator
    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1)]
    capacity_types: Annotated[tuple[CapacityType, ...], Field(min_length=1)]
    max_gpus: Annotated[int, Field(ge=1, le=512)]
    """The most cards the pool may hold at once."""
    warm_floor_gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """Cards kept running for a cold start that cannot wait; each costs its full price around the clock."""
    sharing: Annotated[MigSharing | TimeSlicing | None, Field(discriminator="kind")] = None
    """How a card is shared; absent means one pod per card."""

    @model_validator(mode="after")
    def _fits_the_hardware(self) -> Self:
        if self.warm_floor_gpus > self.max_gpus:
            raise refuse(
                "pool-floor-above-limit",
                f"is above max_gpus, {self.max_gpus}",
                "lower the floor",
                at="warm_floor_gpus",
                value=self.warm_floor_gpus,
            )
        shapes = instance_shapes(self.accelerator)
        for index, instance_type in enumerate(self.instance_types):
            if instance_type not in shapes:
                known = ", ".join(sorted(shapes))
                raise refuse(
                    "pool-instance-type",
                    f"has no {self.accelerator}",
                    f"use one of {known}",
                    at=f"instance_types[{index}]",
                    value=instance_type,
                )
        smallest = min(shapes[instance_type].gpus for instance_type in self.instance_types)
        if smallest > self.max_gpus:
            raise refuse(
                "pool-limit-below-machine",
                f"one machine already has {smallest} cards",
                f"raise it to {smallest}",
                at="max_gpus",
                value=self.max_gpus,
            )
        if isinstance(self.sharing, MigSharing) and self.sharing.profile not in self.accelerator.mig_profiles:
            known = " or ".join(self.accelerator.mig_profiles)
            remedy = f"use {known}" if known else "remove sharing, or share the card by time-slicing"
            raise refuse(
                "pool-mig-profile", f"{self.accelerator} cannot be cut so", remedy, at="sharing.profile", value=self.sharing.profile
            )
        if len(set(self.capacity_types)) != len(self.capacity_types):
            raise refuse(
                "pool-capacity-twice",
                "an entry is listed twice",
                "list each once",
                at="capacity_types",
                value=", ".join(self.capacity_types),
            )
        return self

    @property
    def share(self) -> Share:
        """The share of a card one pod of this pool gets."""
        if isinstance(self.sharing, MigSharing):
            return f"mig-{self.sharing.profile}"
        return "time-slice" if isinstance(self.sharing, TimeSlicing) else "whole"


class TokenIssuer(Fact):
    """Who signs the tokens that callers present at the edge."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(/[A-Za-z0-9._/-]*)?$")]
    jwks_uri: Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._/-]*$")]
    audience: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.:/-]{2,127}$")]
    tenant_claim: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,30}$")] = "tenant"


class Edge(Fact):
    """How callers find the region that serves them."""

    zone_name: Host
    """The DNS zone of the failover records."""
    role: Literal["primary", "secondary"]
    """Which of the pair answers while both are healthy."""
    replicas: Annotated[int, Field(ge=1, le=50)] = 3
    """Proxies of the edge; three, one per zone, unless the cluster is small."""
    addresses: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$")], ...] = ()
    """Addresses of nodes that take the edge's traffic where no cloud balancer exists; empty means a balancer."""
    health_path: Annotated[str, StringConstraints(pattern=r"^/[a-z0-9/_-]*$")] = "/healthz/ready"


class Overcommit(Fact):
    """How many times over a node's cores and memory are promised. 1 is honest; more is for clusters that try things out."""

    cpu: Annotated[float, Field(ge=1, le=100)] = 1
    memory: Annotated[float, Field(ge=1, le=100)] = 1


class Cluster(Fact):
    """One cluster of a region pair. The file is `clusters/inventory/<name>/cluster.yaml`."""

    name: ClusterName
    pair: ClusterName
    """The cluster that takes over; it must name this one in turn."""
    stage: Stage = Stage.PRODUCTION
    """What its answers count for: a tenant's file may name another version for each stage, and only production refuses `pinned`."""
    region: AwsRegion
    account_id: AccountId
    kubernetes_version: Annotated[str, StringConstraints(pattern=r"^1\.(3[3-6])$")]
    """Minor version; KServe 0.20 and Knative 1.21 are tested from 1.33 on."""
    domain: Domain
    """Tenants answer on `<tenant>.<domain>`. Below `edge.zone_name`, and not below another cluster's."""
    repository_url: Annotated[str, StringConstraints(pattern=r"^(https|ssh)://[A-Za-z0-9@.-]+(:[0-9]+)?/[A-Za-z0-9._/-]+$")]
    """This repository as the cluster's Argo CD reaches it; the only one whose manifests it applies."""
    network: Network
    endpoint: Endpoint = Endpoint()
    administrators: Annotated[tuple[RoleArn, ...], Field(min_length=1)]
    """IAM roles with an access entry as cluster administrator."""
    system_pool: SystemPool
    gpu_pools: dict[PoolName, GpuPool] = Field(default_factory=dict[str, GpuPool])
    cpu_pools: dict[PoolName, CpuPool] = Field(default_factory=dict[str, CpuPool])
    token_issuer: TokenIssuer
    edge: Edge
    overcommit: Overcommit = Overcommit()
    add_ons_from: Literal["releases", "rendered"] = "releases"
    """Where Argo CD takes add-ons from: their charts, or what `python -m clusters.addons render` committed beside the tenants
    (a cluster that reaches no chart repository, such as the embedded region)."""
    gpu_nodes: Literal["ec2", "kwok"] = "ec2"
    """What a GPU node is: a machine of EC2, or one that KWOK pretends, on which pods are scheduled but not executed."""

    @field_validator("region")
    @classmethod
    def _region_is_in_our_partition(cls, region: str) -> str:
        if not _IN_PARTITION_AWS.fullmatch(region):
            raise refuse(
                "region-of-another-partition",
                "has ARNs of another partition than arn:aws, which every stack and role here is written for",
                "choose a region of the partition aws, such as eu-west-1",
            )
        return region

    @model_validator(mode="after")
    def _facts_agree(self) -> Self:
        if self.pair == self.name:
            raise refuse(
                "pair-with-itself", "a cluster cannot be its own pair", "name the other region's cluster", at="pair", value=self.pair
            )
        zones = self.network.availability_zones
        for index, zone in enumerate(zones):
            if zone[:-1] != self.region:
                raise refuse(
                    "zone-outside-region",
                    f"is not in {self.region}",
                    f"use {self.region}a and so on",
                    at=f"network.availability_zones[{index}]",
                    value=zone,
                )
        for kind, pools in (("gpu_pools", self.gpu_pools), ("cpu_pools", self.cpu_pools)):
            if SYSTEM_POOL in pools:
                at = f"{kind}.{SYSTEM_POOL}"
                raise refuse("pool-name-reserved", "is what system_pool is called", "rename it", at=at, value=SYSTEM_POOL)
        if twice := sorted(set(self.gpu_pools) & set(self.cpu_pools)):
            raise refuse("pool-name-twice", "a GPU pool has this name", "rename one of the two", at=f"cpu_pools.{twice[0]}", value=twice[0])
        if len(set(zones)) != len(zones):
            raise refuse(
                "zone-twice",
                "a zone is listed twice",
                "list three different zones",
                at="network.availability_zones",
                value=", ".join(zones),
            )
        return self
