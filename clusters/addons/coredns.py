"""Cluster DNS. Production takes EKS's add-on; here it also stands for public DNS, because nothing can be asked outside."""

from __future__ import annotations

from clusters.addons import documents
from clusters.addons.add_on import AddOn, ClusterAddOn
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.releases import RELEASES
from tidegate.facts import names, ports

VERSION = RELEASES.release("coredns")
_LABELS = {"k8s-app": "kube-dns"}
"""Tenants' NetworkPolicies select it by this label, which EKS uses too."""


def corefile(region: AddOnRegion) -> str:
    """Only plugins that are compiled in. Names outside the cluster are those of `hosts`; any other fails at once.

    It fails by SERVFAIL, because the plugin has no zone of its own to deny it in. Nothing is forwarded, so no loop can be.
    """
    entries = "\n".join(f"        {address} {host}" for host, address in sorted(region.facts.hosts.items()))
    return f""".:{ports.DNS_PORT} {{
    errors
    health :{ports.COREDNS_HEALTH_PORT}
    ready :{ports.COREDNS_READY_PORT}
    prometheus :{ports.COREDNS_METRICS_PORT}
    cache 5
    hosts {{
{entries}
        ttl 5
        fallthrough cluster.local in-addr.arpa
    }}
    kubernetes cluster.local in-addr.arpa {{
        pods insecure
        ttl 5
    }}
    reload 10s
}}
"""


def _adapt(_upstream: list[Document], region: AddOnRegion) -> list[Document]:
    account: Document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "coredns"}}
    role: Document = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    }
    binding: Document = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "system:coredns"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"kind": "ServiceAccount", "name": "coredns", "namespace": names.NAMESPACE_KUBERNETES}],
    }
    config: Document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns"}, "data": {"Corefile": corefile(region)}}
    service: Document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "labels": {**_LABELS, "kubernetes.io/name": "CoreDNS"}},
        "spec": {
            "clusterIP": str(region.facts.dns_address),
            "selector": _LABELS,
            "ports": [
                {"name": "dns", "port": ports.DNS_PORT, "protocol": "UDP", "targetPort": "dns"},
                {"name": "dns-tcp", "port": ports.DNS_PORT, "protocol": "TCP", "targetPort": "dns-tcp"},
                {"name": "metrics", "port": ports.COREDNS_METRICS_PORT, "protocol": "TCP", "targetPort": "metrics"},
            ],
        },
    }
    return [account, role, binding, config, service, _deployment(region)]


def _deployment(region: AddOnRegion) -> Document:
    container: Document = {
        "name": "coredns",
        "image": region.image("coredns"),
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": ports.DNS_PORT, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": ports.DNS_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": ports.COREDNS_METRICS_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": ports.COREDNS_READY_PORT}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/health", "port": ports.COREDNS_HEALTH_PORT}, "initialDelaySeconds": 30},
        "securityContext": documents.locked_down(),
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "labels": _LABELS},
        "spec": {
            "replicas": region.facts.replicas,
            "selector": {"matchLabels": _LABELS},
            "template": {
                "metadata": {
                    "labels": _LABELS,
                    "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": str(ports.COREDNS_METRICS_PORT)},
                },
                "spec": {
                    "serviceAccountName": "coredns",
                    "priorityClassName": "system-cluster-critical",
                    "dnsPolicy": "Default",
                    # Lets a process without rights listen on 53; the sysctl is one that every namespace may set.
                    "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]},
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "containers": [container],
                    "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
                },
            },
        },
    }


ADD_ON = AddOn(
    name="coredns",
    version=VERSION,
    wave=-95,
    namespace=names.NAMESPACE_KUBERNETES,
    production=ClusterAddOn("coredns", VERSION),
    embedded=(),
    images=("coredns",),
    adapt=_adapt,
    by_hand=True,
)
