"""What a tenant's folder might hold to get out of its project, and how Argo CD judges an object by a project."""

from __future__ import annotations

import fnmatch
from typing import Any


def manifest(api_version: str, kind: str, namespace: str = "", **spec: Any) -> dict[str, Any]:
    metadata = {"name": "e2e-escape", **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {})}


def escapes(own: str, other: str) -> dict[str, tuple[dict[str, Any], str]]:
    """What a tenant's folder might hold, and the plural of its resource."""
    rbac, istio, gateway = "rbac.authorization.k8s.io/v1", "networking.istio.io/v1", "gateway.networking.k8s.io/v1"
    return {
        "A1-application": (manifest("argoproj.io/v1alpha1", "Application", "argocd", project="platform"), "applications"),
        "A1-application-at-home": (manifest("argoproj.io/v1alpha1", "Application", own, project="platform"), "applications"),
        "A1-project": (manifest("argoproj.io/v1alpha1", "AppProject", "argocd", sourceRepos=["*"]), "appprojects"),
        "A3-application-set": (manifest("argoproj.io/v1alpha1", "ApplicationSet", "argocd"), "applicationsets"),
        "cluster-role-binding": (manifest(rbac, "ClusterRoleBinding"), "clusterrolebindings"),
        "role-binding-at-home": (manifest(rbac, "RoleBinding", own), "rolebindings"),
        "namespace": (manifest("v1", "Namespace"), "namespaces"),
        "quota-at-home": (manifest("v1", "ResourceQuota", own), "resourcequotas"),
        "secret-at-home": (manifest("v1", "Secret", own), "secrets"),
        "pod-at-home": (manifest("v1", "Pod", own), "pods"),
        "service-at-home": (manifest("v1", "Service", own), "services"),
        "node-pool": (manifest("karpenter.sh/v1", "NodePool"), "nodepools"),
        "admission-policy": (manifest("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"), "validatingadmissionpolicies"),
        "webhook": (manifest("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"), "mutatingwebhookconfigurations"),
        "definition": (manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "customresourcedefinitions"),
        "I2-authorization-policy": (manifest("security.istio.io/v1", "AuthorizationPolicy", own), "authorizationpolicies"),
        "I1-request-authentication": (manifest("security.istio.io/v1", "RequestAuthentication", own), "requestauthentications"),
        "I4-peer-authentication": (manifest("security.istio.io/v1", "PeerAuthentication", own), "peerauthentications"),
        "I-virtual-service": (manifest(istio, "VirtualService", own), "virtualservices"),
        "I-envoy-filter": (manifest(istio, "EnvoyFilter", own), "envoyfilters"),
        "I-service-entry": (manifest(istio, "ServiceEntry", own), "serviceentries"),
        "I-sidecar": (manifest(istio, "Sidecar", own), "sidecars"),
        "I-route-at-home": (manifest(gateway, "HTTPRoute", own), "httproutes"),
        "I-gateway-at-home": (manifest(gateway, "Gateway", own), "gateways"),
        "I-reference-grant": (manifest("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", own), "referencegrants"),
        "K-knative-service": (manifest("serving.knative.dev/v1", "Service", own), "services"),
        "K-domain-mapping": (manifest("serving.knative.dev/v1beta1", "DomainMapping", own), "domainmappings"),
        "K-ingress": (manifest("networking.internal.knative.dev/v1alpha1", "Ingress", own), "ingresses"),
        "K2-inference-graph": (manifest("serving.kserve.io/v1alpha1", "InferenceGraph", own), "inferencegraphs"),
        "K3-trained-model": (manifest("serving.kserve.io/v1alpha1", "TrainedModel", own), "trainedmodels"),
        "K3-runtime": (manifest("serving.kserve.io/v1alpha1", "ServingRuntime", own), "servingruntimes"),
        "K5-storage-container": (manifest("serving.kserve.io/v1alpha1", "ClusterStorageContainer"), "clusterstoragecontainers"),
        "model-of-a-neighbour": (manifest("serving.kserve.io/v1beta1", "InferenceService", other), "inferenceservices"),
        "model-in-argocd": (manifest("serving.kserve.io/v1beta1", "InferenceService", "argocd"), "inferenceservices"),
    }


def why_not(project: dict[str, Any], object_: dict[str, Any]) -> str:
    """Why a project refuses an object, as `AppProject.IsResourcePermitted` judges; empty when it does not."""
    group, kind = object_["apiVersion"].rpartition("/")[0], object_["kind"]
    namespace = object_["metadata"].get("namespace", "")
    spec = project["spec"]

    def lists(entries: list[dict[str, str]] | None) -> bool:
        return any(fnmatch.fnmatchcase(group, one["group"]) and fnmatch.fnmatchcase(kind, one["kind"]) for one in entries or ())

    if not namespace:
        return "" if lists(spec.get("clusterResourceWhitelist")) else f"{group}/{kind} of the cluster is not permitted"
    if not any(fnmatch.fnmatchcase(namespace, one.get("namespace", "")) for one in spec.get("destinations", ())):
        return f"namespace {namespace} is no destination"
    whitelist = spec.get("namespaceResourceWhitelist")
    if (whitelist is not None and not lists(whitelist)) or lists(spec.get("namespaceResourceBlacklist")):
        return f"{group}/{kind} is not permitted"
    return ""
