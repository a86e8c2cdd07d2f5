"""A dense pool in a cluster: the environment of a served model's pods, and the name by which they find each other.

Every pod is whole (Envoy, placer, model server) and forwards what another pod has in memory, so KServe and Knative verify, scale
and release a pool like any served model (decision 0030).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.objects.kserve import EnvVar
from clusters.objects.wire_form import to_wire
from tidegate.facts import names, numerals, ports
from tidegate.facts.models.dense_pool import DensePool
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ServiceArgsDict


def environment(tenant: Tenant, name: str, pool: DensePool) -> list[EnvVar]:
    """The environment of a pod of the pool (clusters/workloads/dense_pool/pod.py and model_server.py)."""
    access = {one.subject: sorted(one.models) for one in pool.access}
    return [
        {"name": "POOL_ACCESS", "value": json.dumps(access, sort_keys=True)},
        {"name": "POOL_BUDGET_BYTES", "value": str(round(pool.memory_budget_gib * 2**30))},
        {"name": "POOL_MODELS", "value": str(pool.models)},
        {"name": "POOL_MOST_COPIES", "value": str(pool.most_copies)},
        # With a final dot: asked every two seconds, cluster DNS would be asked for the name in every search path first.
        {"name": "POOL_PEERS", "value": f"{names.cluster_local_host(names.pool_peers(name), tenant.namespace_name)}."},
        {"name": "POOL_REQUESTS_PER_SECOND_PER_COPY", "value": numerals.decimal(pool.requests_per_second_per_copy)},
    ]


def guard_rails(tenant: Tenant) -> Iterator[Manifest]:
    """A Service without an address for each pool, whose name stands for every pod.

    TCP, because Istio then goes by the pod's address and not by the host, which is the caller's. Pods that are not ready are in it:
    each finds out for itself who answers, and the first pod has to find itself to become ready.
    """
    for name, model in tenant.models.items():
        if model.dense_pool:
            service: ServiceArgsDict = {
                "api_version": "v1",
                "kind": "Service",
                "metadata": {
                    "name": names.pool_peers(name),
                    "namespace": tenant.namespace_name,
                    "labels": {**names.tenant_labels(tenant.name, tenant.tier), names.LABEL_SERVED_MODEL: name},
                },
                "spec": {
                    "cluster_ip": "None",
                    "publish_not_ready_addresses": True,
                    "selector": {names.KSERVE_LABEL_MODEL: name, names.KSERVE_LABEL_PART: "predictor"},
                    "ports": [{"name": "tcp-pool", "port": ports.POOL_PORT, "target_port": ports.POOL_PORT}],
                },
            }
            yield to_wire(service)
