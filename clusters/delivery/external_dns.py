"""external-dns where a cloud's balancer takes the edge's traffic: it writes the region's own names, which the failover records point at.

It reads them from the annotation of the edge's Service. Its role may write addresses and its own marks below the region's domain and
nothing else (infra/stacks/edge.py), so the marks are below it, too. Where nodes take the traffic there is no balancer to ask for an address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from clusters.components.tenancy.tenant import pod_security_labels
from clusters.delivery import applications
from clusters.objects.argo_cd import ChartSource
from clusters.objects.wire_form import to_wire
from clusters.releases import RELEASES
from tidegate.contracts import address_records
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import NamespaceArgsDict

NAME = "external-dns"
REPOSITORY = "https://kubernetes-sigs.github.io/external-dns/"

_WAVE = -9
"""After the edge, whose Service it reads."""


def repositories(cluster: Cluster) -> set[str]:
    """Where the chart comes from; empty where it does not run."""
    return {REPOSITORY} if _has_balancer(cluster) else set()


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """Its Application and namespace; nothing for a cluster without a balancer."""
    if not _has_balancer(cluster):
        return
    namespace: NamespaceArgsDict = {
        "api_version": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": names.NAMESPACE_EXTERNAL_DNS,
            "labels": {**names.component_labels("add-ons"), **pod_security_labels(f"v{cluster.kubernetes_version}")},
            "annotations": {"argocd.argoproj.io/sync-wave": str(_WAVE - 1)},
        },
    }
    yield to_wire(namespace)
    helm: dict[str, object] = {"releaseName": NAME, "valuesObject": dict(values(cluster))}
    source: ChartSource = {"repoURL": REPOSITORY, "chart": NAME, "targetRevision": RELEASES.chart(NAME, NAME), "helm": helm}
    yield applications.application(
        source, names.add_on_application(NAME), names.component_labels("add-ons"), names.ADD_ONS_PROJECT,
        names.NAMESPACE_EXTERNAL_DNS, wave=_WAVE,
    )  # fmt: skip


def values(cluster: Cluster) -> Mapping[str, object]:
    """The chart's values; everything else keeps its default."""
    return {
        "provider": {"name": "aws"},
        "sources": ["service"],
        "namespaced": False,
        "domainFilters": [cluster.domain],
        # A name that nobody serves any more would send callers to an address that is another's by then.
        "policy": "sync",
        "managedRecordTypes": ["A", "AAAA"],
        "registry": "txt",
        "txtOwnerId": cluster.name,
        "txtPrefix": address_records.MARK_PREFIX,
        "extraArgs": [
            # Without it a zone is passed over that is above the filter: ours is.
            "--aws-zone-match-parent",
            f"--txt-wildcard-replacement={address_records.MARK_OF_WILDCARD}",
            f"--namespace={names.NAMESPACE_EDGE}",
        ],
        # The pod's role comes by this name (EKS Pod Identity).
        "serviceAccount": {"create": True, "name": NAME},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }


def _has_balancer(cluster: Cluster) -> bool:
    return not cluster.edge.addresses
