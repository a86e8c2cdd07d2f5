"""Every add-on, in the order Argo CD applies them."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from clusters.addons import (
    argo_cd,
    coredns,
    gateway_api,
    istio,
    karpenter,
    knative,
    knative_gateway,
    kserve,
    vault,
)
from clusters.addons.add_on import AddOn, SourceModule
from clusters.addons.monitoring import kube_state_metrics, prometheus, prometheus_crds

_MODULES = (
    argo_cd, coredns, gateway_api, istio, karpenter, knative, knative_gateway, kserve, kube_state_metrics, prometheus, prometheus_crds, vault,
)  # fmt: skip
_DEFINED = [(defined, module) for module in _MODULES for defined in vars(module).values() if isinstance(defined, AddOn)]

ADD_ONS: tuple[AddOn, ...] = tuple(sorted((add_on for add_on, _ in _DEFINED), key=lambda add_on: (add_on.wave, add_on.name)))

MODULES: Mapping[str, ModuleType] = {add_on.name: module for add_on, module in _DEFINED}
"""Which module defines an add-on."""


def modules() -> tuple[SourceModule, ...]:
    """Every module that rendering reads, each once."""
    return tuple(dict.fromkeys(module for add_on in ADD_ONS for module in add_on.modules))
