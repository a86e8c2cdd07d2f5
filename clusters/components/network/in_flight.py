"""How many requests one model is sent at once: what comes beyond waits for nobody and is answered 503 with `Retry-After`.

A limit of Envoy's for each of its upstream clusters, by Istio's own interface. Knative has an upstream cluster for each revision and names it
after that, so the rule names all of a tenant's Services, and each has the number for itself. It is in force at the gateways only: where a
tenant's own pods call each other nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from clusters.components.network.gateways import metadata
from clusters.objects.istio import DestinationRule
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant


def objects(platform: Platform, cluster: Cluster) -> Iterator[DestinationRule]:
    """One rule for each tenant."""
    for tenant in platform.tenants_of(cluster.name):
        yield {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": metadata(f"in-flight-{tenant.name}", tenant.name),
            "spec": {
                "host": f"*.{tenant.namespace_name}.svc.cluster.local",
                "exportTo": ["."],
                "trafficPolicy": {"connectionPool": {"http": pool(cluster, tenant)}},
            },
        }


def pool(cluster: Cluster, tenant: Tenant) -> dict[str, int]:
    """The limit at one proxy; both gateways have as many. What waits for a connection is counted apart, hence two numbers."""
    most = math.ceil(tenant.in_flight / cluster.edge.replicas)
    return {"http2MaxRequests": most, "http1MaxPendingRequests": most}


def names_tenant(rule: str) -> str:
    """The tenant that a rule is about."""
    return rule.removeprefix("in-flight-")
