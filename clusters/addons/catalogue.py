"""Every add-on, in the order Argo CD applies them."""

from __future__ import annotations

from clusters.addons import (
    argo_cd,
    coredns,
    gateway_api,
    istio,
    karpenter,
    knative,
    knative_gateway,
    kserve,
    kube_state_metrics,
    prometheus,
    prometheus_crds,
    vault,
)
from clusters.addons.add_on import AddOn, GoModule

ADD_ONS: tuple[AddOn, ...] = tuple(
    sorted(
        (
            argo_cd.ADD_ON, coredns.ADD_ON, gateway_api.ADD_ON, istio.BASE, istio.CNI, istio.CONTROL_PLANE, karpenter.ADD_ON,
            knative.ADD_ON, knative_gateway.ADD_ON, kserve.ADD_ON, kube_state_metrics.ADD_ON, prometheus.ADD_ON, prometheus_crds.ADD_ON,
            vault.ADD_ON,
        ),
        key=lambda add_on: (add_on.wave, add_on.name),
    )
)  # fmt: skip


def modules() -> tuple[GoModule, ...]:
    """Every module that rendering reads, each once."""
    return tuple(dict.fromkeys(module for add_on in ADD_ONS for module in add_on.modules))
