"""How large a body a model is sent: Envoy keeps it until it is whole, and answers 413 when it is larger, whatever length was announced.

So a server sees no more than it has memory for, and Knative's autoscaler counts no request that is still arriving. In Knative mode the local
gateway does it, which every call passes. The edge cannot: it would wait for the body while the caller waits to be told that it may send it
(`Expect: 100-continue`). In standard mode there is no gateway between, so the pod's own sidecar does it.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network import envoy_filters
from clusters.components.network.routes import entry_part, part_hosts
from clusters.objects.istio import EnvoyFilter
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.body import BODY_MIB_DEFAULT
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

_BUFFER = "envoy.filters.http.buffer"
_TYPES = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3"


def objects(platform: Platform, cluster: Cluster) -> Iterator[EnvoyFilter]:
    """The local gateway's limit for all, and those of the models whose own is another.

    Only those are said: istiod compares each patch with each host, so that one for every model would cost the square of their number.
    """
    own = [patch for tenant in platform.tenants_of(cluster.name) for patch in _own(tenant)]
    usual = envoy_filters.http_filter(_BUFFER, _buffer(BODY_MIB_DEFAULT))
    yield from envoy_filters.of_gateway(names.GATEWAY_LOCAL, "body-limits", [usual, *own])


def guard_rails(tenant: Tenant) -> Iterator[Manifest]:
    """The limit of each model in standard mode, at the sidecars of the part that callers speak to."""
    for name, model in tenant.models.items():
        if model.scaling.mode == "standard":
            selected = {names.KSERVE_LABEL_MODEL: name, names.KSERVE_LABEL_PART: entry_part(model)}
            patch = envoy_filters.http_filter(_BUFFER, _buffer(model.body_mib), context="SIDECAR_INBOUND")
            limit: EnvoyFilter = {
                "apiVersion": "networking.istio.io/v1alpha3",
                "kind": "EnvoyFilter",
                "metadata": {
                    "name": f"{name}-body-limit",
                    "namespace": tenant.namespace_name,
                    "labels": names.tenant_labels(tenant.name, tenant.tier),
                },
                "spec": {"workloadSelector": {"labels": selected}, "configPatches": [patch]},
            }
            yield limit


def _own(tenant: Tenant) -> Iterator[dict[str, object]]:
    for name, model in tenant.models.items():
        if model.scaling.mode == "knative" and model.body_mib != BODY_MIB_DEFAULT:
            config: dict[str, object] = {"@type": f"{_TYPES}.BufferPerRoute", "buffer": _limit(model.body_mib)}
            for host in part_hosts(tenant, name, model):
                yield envoy_filters.of_host(host, _BUFFER, config)


def _buffer(mib: int) -> dict[str, object]:
    return {"@type": f"{_TYPES}.Buffer", **_limit(mib)}


def _limit(mib: int) -> dict[str, object]:
    return {"max_request_bytes": mib << 20}
