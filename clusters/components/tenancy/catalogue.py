"""The models that may be served: one list for admission, and for each tenant what its pods check their model against.

Both come from the same facts. Admission reads the list in the platform's namespace; the verifier in a pod gets its tenant's
part as an environment variable from a ConfigMap beside it, which the tenant's own account may not write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.components.serving.images import SERVING_PINS
from clusters.components.tenancy.tenant import pod_security_labels
from clusters.objects.wire_form import to_wire
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.server_libraries import server_of
from tidegate.facts.platform import Platform
from tidegate.facts.signature import ApprovedModel, ModelCatalogue, approved, trusted
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ConfigMapArgsDict, NamespaceArgsDict

COMPONENT = "catalogue"

TRUST = "model-trust"
"""The ConfigMap of a tenant's namespace; clusters/addons/kserve.py hands it to the init container that fetches models."""

TRUST_KEY = "trust.json"


def objects(platform: Platform, cluster: Cluster) -> Iterator[Manifest]:
    """The platform's own namespace, and in it the list that admission reads: every approved model of the tenants here, by digest."""
    namespace: NamespaceArgsDict = {
        "api_version": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": names.NAMESPACE_PLATFORM,
            "labels": {**names.component_labels(COMPONENT), **pod_security_labels(f"v{cluster.kubernetes_version}")},
        },
    }
    yield to_wire(namespace)
    entries: dict[str, ApprovedModel] = {}
    for entry in approved(platform.tenants_of(cluster.name), platform.catalogue, cluster.stage):
        entries.setdefault(entry.sha256, entry)
    data = {sha256: f"{entry.model} {entry.key_id}" for sha256, entry in sorted(entries.items())}
    yield _config_map(names.MODEL_CATALOGUE, names.NAMESPACE_PLATFORM, names.component_labels(COMPONENT), data)


def guard_rails(cluster: Cluster, tenant: Tenant, recorded: ModelCatalogue) -> Iterator[Manifest]:
    """What the verifier in a pod of `tenant` believes: the tenant's models by URI, and the public keys they are signed with."""
    servers = {name: server_of(model, SERVING_PINS) for name, model in tenant.models.items()}
    told = trusted(cluster.name, cluster.account_id, approved([tenant], recorded, cluster.stage), recorded.keys, servers)
    data = {TRUST_KEY: json.dumps(told, indent=1, sort_keys=True) + "\n"}
    yield _config_map(TRUST, tenant.namespace_name, names.tenant_labels(tenant.name, tenant.tier), data)


def _config_map(name: str, namespace: str, labels: dict[str, str], data: dict[str, str]) -> Manifest:
    described: ConfigMapArgsDict = {
        "api_version": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "data": data,
    }
    return to_wire(described)
