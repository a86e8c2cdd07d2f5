"""Whose writes the policies tell apart: controllers by the accounts that the API server knows them by."""

from __future__ import annotations

from tidegate.contracts.release_names import CONTROLLER_RELEASE
from tidegate.facts import names

_KSERVE = "kserve-controller-manager"
_GARBAGE_COLLECTOR, _OF_NAMESPACES = "generic-garbage-collector", "namespace-controller"
"""Of kube-controller-manager, which writes as one account for each of its controllers, here as in EKS."""


def accounts() -> dict[str, str]:
    """Facts for `${...}` of a policy."""
    return {
        "argo_cd_account": names.kubernetes_account(names.NAMESPACE_ARGOCD, names.CONTROLLER_ARGOCD),
        "garbage_collector": names.kubernetes_account(names.NAMESPACE_KUBERNETES, _GARBAGE_COLLECTOR),
        "knative_account": names.kubernetes_account(names.NAMESPACE_KNATIVE, names.CONTROLLER_KNATIVE),
        "kserve_account": names.kubernetes_account(names.NAMESPACE_KSERVE, _KSERVE),
        "namespace_controller": names.kubernetes_account(names.NAMESPACE_KUBERNETES, _OF_NAMESPACES),
        "release_controller": names.kubernetes_account(names.NAMESPACE_PLATFORM, CONTROLLER_RELEASE),
    }
