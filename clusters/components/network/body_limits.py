"""How large a body a model is sent: Envoy keeps it until it is whole, and answers 413 when it is larger, whatever length was announced.

So a server sees no more than it has memory for, and Knative's autoscaler counts no request that is still arriving. In Knative mode the local
gateway does it, which every call passes. The edge cannot: it would wait for the body while the caller waits to be told that it may send it
(`Expect: 100-continue`). In standard mode there is no gateway between, so the pod's own sidecar does it.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network.gateways import metadata
from clusters.components.network.routes import entry_part, parts_of
from clusters.objects.istio import EnvoyFilter, TargetRef
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.body import BODY_MIB_DEFAULT
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

PATCHES_MAX = 512
"""As `edge_limits.PATCHES_MAX`."""

_BUFFER = "envoy.filters.http.buffer"
_ROUTER = {"name": "envoy.filters.network.http_connection_manager", "subFilter": {"name": "envoy.filters.http.router"}}
_MIB = 1 << 20


def objects(platform: Platform, cluster: Cluster) -> Iterator[EnvoyFilter]:
    """The local gateway's limit for all, and those of the models whose own is another.

    Only those are said: istiod compares each patch with each host, so that one for every model would cost the square of their number.
    """
    gateway: TargetRef = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": names.GATEWAY_LOCAL}
    patches = [_filter("GATEWAY", BODY_MIB_DEFAULT), *(patch for tenant in platform.tenants_of(cluster.name) for patch in _own(tenant))]
    for number, start in enumerate(range(0, len(patches), PATCHES_MAX), start=1):
        yield {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": metadata("body-limits" if number == 1 else f"body-limits-{number}"),
            "spec": {"targetRefs": [gateway], "configPatches": patches[start : start + PATCHES_MAX]},
        }


def guard_rails(tenant: Tenant) -> Iterator[Manifest]:
    """The limit of each model in standard mode, at the sidecars of the part that callers speak to."""
    for name, model in tenant.models.items():
        if model.scaling.mode == "standard":
            selected = {names.KSERVE_LABEL_MODEL: name, names.KSERVE_LABEL_PART: entry_part(model)}
            limit: EnvoyFilter = {
                "apiVersion": "networking.istio.io/v1alpha3",
                "kind": "EnvoyFilter",
                "metadata": {
                    "name": f"{name}-body-limit",
                    "namespace": tenant.namespace_name,
                    "labels": names.tenant_labels(tenant.name, tenant.tier),
                },
                "spec": {"workloadSelector": {"labels": selected}, "configPatches": [_filter("SIDECAR_INBOUND", model.body_mib)]},
            }
            yield limit


def _own(tenant: Tenant) -> Iterator[dict[str, object]]:
    for name, model in tenant.models.items():
        if model.scaling.mode == "knative" and model.body_mib != BODY_MIB_DEFAULT:
            for host in _hosts(tenant, name, model):
                yield {
                    "applyTo": "VIRTUAL_HOST",
                    "match": {"context": "GATEWAY", "routeConfiguration": {"vhost": {"domainName": host}}},
                    "patch": {
                        "operation": "MERGE",
                        "value": {"typed_per_filter_config": {_BUFFER: _per_route(model.body_mib)}},
                    },
                }


def _hosts(tenant: Tenant, name: str, model: ServedModel) -> Iterator[str]:
    """Knative makes a virtual host of its own for each spelling of a part's name."""
    for part in parts_of(model):
        whole = names.cluster_local_host(names.inference_part(name, part), tenant.namespace_name)
        yield from (whole, whole.removesuffix(".cluster.local"), whole.removesuffix(".svc.cluster.local"))


def _filter(context: str, mib: int) -> dict[str, object]:
    config: dict[str, object] = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
        "max_request_bytes": mib * _MIB,
    }
    return {
        "applyTo": "HTTP_FILTER",
        "match": {"context": context, "listener": {"filterChain": {"filter": _ROUTER}}},
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": _BUFFER, "typed_config": config}},
    }


def _per_route(mib: int) -> dict[str, object]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        "buffer": {"max_request_bytes": mib * _MIB},
    }
