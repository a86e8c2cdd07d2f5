"""What of a model server anybody may call: the paths that the protocols of inference ask for, and nothing that manages the server.

Model servers load and unload models, change settings and show documentation at paths beside those, and know no callers.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.facts.models.protocols import PROTOCOLS
from tidegate.facts.models.served_model import ServedModel

POLICY = "served-paths"
"""The AuthorizationPolicies that refuse other paths; by it, Envoy's words tell such a refusal from another (`replies`)."""

USER_AGENT_POLICY = "reserved-user-agents"
KUBELET = "kube-probe/"
"""How kubelet's `User-Agent` begins. Knative takes it for a probe, at whatever path, and answers without the model."""

_V1 = ("v1/models", "v1/models/{*}")
"""The second one is the model's state, and with `:predict` and `:explain` behind the name its answers."""

_V2 = ("v2", "v2/health/live", "v2/health/ready", "v2/models/{*}", "v2/models/{*}/ready", "v2/models/{*}/infer")
_OPENAI = ("v1/models", "v1/completions", "v1/chat/completions")
OF_PROTOCOL = {"v1": _V1, "v2": _V2, "openai": (*_OPENAI, *(f"openai/{path}" for path in _OPENAI)), "grpc-v2": ()}
"""`{*}` stands for one part of a path. gRPC does not pass the gateways' HTTP routes."""


def served(models: Iterable[ServedModel], *, below_a_name: bool) -> list[str]:
    """Every path of the protocols that `models` speak, in Istio's template form, sorted; `below_a_name` as the edge sees them."""
    spoken = {protocol for model in models for protocol in _spoken(model)}
    first = "/{*}/" if below_a_name else "/"
    return sorted({first + path for protocol in spoken for path in OF_PROTOCOL[protocol]})


def _spoken(model: ServedModel) -> list[str]:
    protocols = PROTOCOLS.get(model.runtime, ["openai"])
    # A transformer or an explainer speaks KServe's first protocol to callers.
    return [*protocols, "v1"] if model.transformer or model.explainer else list(protocols)
