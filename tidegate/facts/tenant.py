"""A tenant: who owns it, what it may use and what it serves. The file is `gitops/tenants/<name>.yaml`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts import names
from tidegate.facts.callers.caller import Caller, rates
from tidegate.facts.callers.origin import LOCAL_PAGES, Origin
from tidegate.facts.fact import Cpu, Email, Fact, MemoryGib, refuse
from tidegate.facts.github import GithubTeam
from tidegate.facts.models.served_model import Companion, ServedModel
from tidegate.facts.names import ClusterName, Host, Namespace, ServedModelName, TenantName
from tidegate.facts.nodes.accelerators import ReplicaResources
from tidegate.facts.stage import Stage


class Tier(StrEnum):
    """How much a tenant's failure costs; it decides priority, floors and what a release needs."""

    REGULATED = "regulated"
    CRITICAL = "critical"
    STANDARD = "standard"
    BATCH = "batch"

    @property
    def is_hot(self) -> bool:
        """Hot tiers are on somebody's request path: they never scale to zero and never run on spot."""
        return self in {Tier.REGULATED, Tier.CRITICAL}


class Quota(Fact):
    """The most a tenant may use in one cluster at once."""

    cpu: Cpu
    memory_gib: MemoryGib
    pods: Annotated[int, Field(ge=1, le=2000)]
    accelerators: dict[
        Annotated[str, StringConstraints(pattern=r"^nvidia\.com/(gpu|gpu\.shared|mig-[1-7]g\.[0-9]{1,2}gb)$")],
        Annotated[int, Field(ge=0, le=512)],
    ] = Field(default_factory=dict[str, int])
    """By extended resource name, such as `nvidia.com/mig-1g.10gb: 4`."""


class Tenant(Fact):
    """One tenant in all its clusters."""

    name: TenantName
    tier: Tier
    owners: Annotated[tuple[Email, ...], Field(min_length=1)]
    """Who gets alerts; at least one address that reaches people."""
    github_team: GithubTeam
    """Who reviews changes of this tenant on GitHub, such as `"@example-org/fraud"`; in quotes."""
    clusters: Annotated[tuple[ClusterName, ...], Field(min_length=1)]
    """Where it runs; hot tiers name both of a pair."""
    namespace: Namespace | None = None
    """Default `tenant-<name>`."""
    host: Host | None = None
    """Default `<name>.<cluster domain>` in every cluster; when set, the same in all."""
    quota: Quota
    budget_usd_per_month: Annotated[float, Field(gt=0, le=10_000_000)]
    callers: Annotated[tuple[Caller, ...], Field(min_length=1)]
    requests_per_second: Annotated[int, Field(ge=1, le=100_000)]
    """Rate limit at the edge, per cluster, for all callers and all hosts of the tenant together."""
    in_flight_per_model: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """The most requests that one model is sent at once, per cluster; one more is answered 503 at once. Absent means as many as callers may
    send in five seconds, at least 300."""
    cors_origins: Annotated[tuple[Origin, ...], Field(max_length=32)] = ()
    """The web pages whose scripts may call this tenant from a browser, such as `https://app.example.com`; absent means none. A token is
    needed all the same."""
    log_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    models: Annotated[dict[ServedModelName, ServedModel], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for rule, listed in (
            ("clusters-twice", self.clusters),
            ("owners-twice", self.owners),
            ("callers-twice", tuple(caller.subject or caller.tenant or "" for caller in self.callers)),
            ("cors-origins-twice", self.cors_origins),
        ):
            if len(set(listed)) != len(listed):
                raise refuse(
                    rule,
                    "an entry is listed twice",
                    "list each once",
                    at=rule.removesuffix("-twice").replace("-", "_"),
                    value=", ".join(listed),
                )
        return self

    @model_validator(mode="after")
    def _callers_stay_within(self) -> Self:
        for number, caller in enumerate(self.callers):
            if caller.requests_per_second and caller.requests_per_second > self.requests_per_second:
                raise refuse(
                    "caller-rate-above-tenant", f"is above the tenant's own rate, {self.requests_per_second}", "lower it, or raise the tenant's",
                    at=f"callers[{number}].requests_per_second", value=caller.requests_per_second,
                )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _pools_know_their_callers(self) -> Self:
        subjects = [caller.subject for caller in self.callers if caller.subject]
        pools = [(f"models.{name}.dense_pool.access", model.dense_pool) for name, model in self.models.items() if model.dense_pool]
        for path, pool in pools:
            for number, one in enumerate(pool.access):
                if one.subject not in subjects:
                    raise refuse(
                        "pool-access-subject-unknown", "is none of the tenant's callers", "add it to callers, or remove the entry",
                        at=f"{path}[{number}].subject", value=one.subject,
                    )  # fmt: skip
            if tenant := next((caller.tenant for caller in self.callers if caller.tenant), None):
                raise refuse(
                    "pool-access-from-mesh", f"pods of {tenant} could say to be any caller",
                    f"let {tenant} call through the edge with a subject of its own", at=path,
                )  # fmt: skip
        return self

    @property
    def namespace_name(self) -> str:
        """The namespace in force."""
        return self.namespace or names.tenant_namespace(self.name)

    def host_in(self, cluster_domain: str) -> str:
        """The host in force in a cluster."""
        return self.host or names.tenant_host(self.name, cluster_domain)

    def hosts_in(self, cluster_domain: str, zone_name: str) -> list[str]:
        """Every host that a cluster's edge answers at: its own first, then the one that the failover records point to a region."""
        return list(dict.fromkeys((self.host_in(cluster_domain), self.host_in(zone_name))))

    @property
    def caller_rates(self) -> dict[str, int]:
        """Requests per second of each subject in force, per cluster."""
        return rates(self.callers, self.requests_per_second)

    def origins_in(self, stage: Stage) -> list[str]:
        """The origins that clusters of `stage` admit."""
        return [one for one in self.cors_origins if stage is not Stage.PRODUCTION or not one.startswith(LOCAL_PAGES)]

    @property
    def in_flight(self) -> int:
        """The most requests of one model at once in force, per cluster."""
        return self.in_flight_per_model or max(IN_FLIGHT_LEAST, IN_FLIGHT_SECONDS * self.requests_per_second)


IN_FLIGHT_LEAST = 300
"""So many requests of a model may wait at once whatever its size, because while it starts from nothing they all do."""

IN_FLIGHT_SECONDS = 5
"""So many seconds' worth of a tenant's rate may wait for one model. It follows from the rate and not from the model's replicas, because how far
a model scales is its team's own to change, and rules of the gateways are not."""


SIDECAR = ReplicaResources(cpu=0.1, memory_gib=0.125)
"""What Istio's proxy asks for beside every pod (the chart's own default request)."""


QUEUE_PROXY = ReplicaResources(cpu=0.025, memory_gib=0.0625)
"""What Knative's queue-proxy asks for beside every pod in Knative mode: its own default of CPU (`queue-sidecar-cpu-request` of Knative
Serving's config-deployment), and of memory, of which it asks none, what a tenant's LimitRange gives to such a container."""


def replica_parts(model: ServedModel) -> tuple[tuple[int, int, ReplicaResources], ...]:
    """(min replicas, max replicas, resources of one replica) of the predictor and each companion, with what runs beside them in the pod."""
    companions: list[Companion] = [part for part in (model.transformer, model.explainer) if part]
    parts = [(model.scaling.min_replicas, model.scaling.max_replicas, model.resources)]
    parts += [(part.min_replicas, part.max_replicas, part.resources) for part in companions]
    beside = (SIDECAR, QUEUE_PROXY) if model.scaling.mode == "knative" else (SIDECAR,)
    return tuple((low, high, _together(own, *beside)) for low, high, own in parts)


def _together(*containers: ReplicaResources) -> ReplicaResources:
    # Not validated: the largest allowed replica and its sidecars together are above what one replica may ask for.
    return ReplicaResources.model_construct(
        cpu=round(sum(one.cpu for one in containers), 3), memory_gib=sum(one.memory_gib for one in containers)
    )
