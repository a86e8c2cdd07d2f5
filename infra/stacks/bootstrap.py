"""Argo CD's first start, its first Application and the cluster's facts; from there on Argo CD owns the cluster.

Here: one Helm release that brings Argo CD with a ConfigMap of facts only Terraform knows, and one that brings the
Application `bootstrap`, which reads `gitops/bootstrap/<cluster>` and there finds the platform's project and the root
Application. Not here: any other Kubernetes object; two tools must never own the same one (DESIGN.md, section 3). Argo CD
itself is also not upgraded here once the root Application manages it: `version` below is that of the first start.

`ARGOCD_CHART_VERSION` was chosen without a look into the chart repository (none is reachable where this was written):
check that it exists there and carries Argo CD `ARGOCD_VERSION` before the first real apply. For that and because the
emulated EKS has no API server, this stack is never applied nor validated locally.
"""

from __future__ import annotations

import json
from pathlib import Path

from infra._cdk import helm_provider_module, helm_release_module
from infra.constructs.stack import Stack, Value
from infra.outputs import AcceleratorsOutputs, ClusterOutputs, EdgeOutputs, IdentityOutputs, NetworkOutputs, RegistryOutputs
from tidegate.facts import names
from tidegate.facts.inventory.releases import load_releases

HELM_PROVIDER_VERSION = "3.1.1"
"""Exact, and the same for both libraries' bindings."""

_RELEASES = load_releases(Path(__file__).resolve().parents[2])
ARGOCD_VERSION = f"v{_RELEASES.release('argo-cd')}"
ARGOCD_CHART_VERSION = _RELEASES.chart("argo-cd", "argo-cd")
APPLICATIONS_CHART_VERSION = _RELEASES.chart("argo-cd", "argocd-apps")
CHART_REPOSITORY = "https://argoproj.github.io/argo-helm"


def build(stack: Stack) -> None:
    """Adds both releases."""
    cluster = stack.read(ClusterOutputs)
    _add_provider(stack, cluster)
    release = helm_release_module().Release
    argocd = release(
        stack, "argocd",
        name="argocd", namespace=names.NAMESPACE_ARGOCD, create_namespace=True,
        repository=CHART_REPOSITORY, chart="argo-cd", version=ARGOCD_CHART_VERSION,
        atomic=True, timeout=600, values=[json.dumps(_argocd_values(stack, cluster))],
    )  # pyright: ignore[reportArgumentType] - jsii protocols confuse it (aws/jsii#1919)  # fmt: skip
    release(
        stack, "bootstrap",
        name="bootstrap", namespace=names.NAMESPACE_ARGOCD,
        repository=CHART_REPOSITORY, chart="argocd-apps", version=APPLICATIONS_CHART_VERSION,
        values=[json.dumps({"applications": {"bootstrap": _first_application(stack)}})], depends_on=[argocd],
    )  # pyright: ignore[reportArgumentType] - jsii protocols, as above  # fmt: skip


def _add_provider(stack: Stack, cluster: ClusterOutputs) -> None:
    helm = helm_provider_module()
    login = helm.HelmProviderKubernetesExec(
        api_version="client.authentication.k8s.io/v1", command="aws",
        args=["eks", "get-token", "--cluster-name", cluster.cluster_name, "--region", stack.cluster.region],
    )  # fmt: skip
    certificate = cluster.certificate_authority.removeprefix("${").removesuffix("}")
    access = helm.HelmProviderKubernetes(host=cluster.endpoint, cluster_ca_certificate=f"${{base64decode({certificate})}}", exec=login)
    helm.HelmProvider(stack, "helm", kubernetes=access)  # pyright: ignore[reportArgumentType] - jsii protocols, as above
    stack.add_override("terraform.required_providers.helm", {"source": "hashicorp/helm", "version": HELM_PROVIDER_VERSION})


def _argocd_values(stack: Stack, cluster: ClusterOutputs) -> Value:
    facts: Value = {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "cluster-facts", "namespace": names.NAMESPACE_ARGOCD,
            "labels": {**names.component_labels("bootstrap"), names.LABEL_CLUSTER: stack.cluster.name},
        },
        "data": _facts(stack, cluster),
    }  # fmt: skip
    return {
        "global": {"image": {"tag": ARGOCD_VERSION}, "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}]},
        # People come in by single sign-on, which the platform's own settings bring; nobody by password.
        "configs": {"cm": {"admin.enabled": False, "timeout.reconciliation": "60s"}},
        "dex": {"enabled": False},
        "redis-ha": {"enabled": True},
        "controller": {"replicas": 1},
        "server": {"replicas": 2},
        "repoServer": {"replicas": 2},
        "applicationSet": {"replicas": 2},
        "extraObjects": [facts],
    }


def _facts(stack: Stack, cluster: ClusterOutputs) -> Value:
    """What add-ons inside the cluster need to know of the cloud around it."""
    network, registry, edge = stack.read(NetworkOutputs), stack.read(RegistryOutputs), stack.read(EdgeOutputs)
    accelerators, identity = stack.read(AcceleratorsOutputs), stack.read(IdentityOutputs)
    return {
        "cluster": stack.cluster.name,
        "region": stack.cluster.region,
        "account_id": stack.cluster.account_id,
        "domain": stack.cluster.domain,
        "vpc_id": network.vpc_id,
        "endpoint": cluster.endpoint,
        "karpenter_queue": accelerators.queue_name,
        "karpenter_instance_profile": accelerators.instance_profile_name,
        "models_bucket": registry.models_bucket,
        "audit_bucket": registry.audit_bucket,
        "vault_role_arn": identity.vault_role_arn,
        "vault_unseal_key_arn": cluster.vault_unseal_key_arn,
        "zone_id": edge.zone_id,
    }


def _first_application(stack: Stack) -> Value:
    return {
        "namespace": names.NAMESPACE_ARGOCD,
        # Without the finalizer, removing the release would leave the cluster's contents alone; that is wanted.
        "finalizers": [],
        # The platform's own project is among what it brings.
        "project": "default",
        "source": {"repoURL": stack.cluster.repository_url, "targetRevision": "main", "path": f"gitops/bootstrap/{stack.cluster.name}"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": names.NAMESPACE_ARGOCD},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "retry": {"limit": 2, "refresh": True}},
    }
