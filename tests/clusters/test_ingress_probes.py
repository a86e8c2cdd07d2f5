"""Who may ask the local gateway whether a route is there, and what about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from clusters.components.network import ingress_probes
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform

PROBES = 8081


def changed(platform: Platform, models: dict[str, dict[str, Any]]) -> Platform:
    """The platform with one tenant, whose models are the scorer with these differences."""
    fraud = platform.tenants["fraud"]
    told = fraud.models["scorer"].model_dump(exclude_unset=True)
    return replace(
        platform,
        tenants={"fraud": fraud.model_copy(update={"models": {n: ServedModel.model_validate(told | m) for n, m in models.items()}})},
    )


def operations(platform: Platform) -> list[Any]:
    rules = cast("list[Any]", list(ingress_probes.rules(platform, platform.clusters["live-1"])))
    prober = [{"source": {"principals": ["cluster.local/ns/knative-serving/sa/controller"]}}]
    assert all(rule["from"] == prober for rule in rules)
    assert all(rule["when"] == [{"key": "request.headers[K-Network-Probe]", "values": ["probe"]}] for rule in rules)
    return [to["operation"] for rule in rules for to in rule["to"]]


def test_probes_pass_for_every_host_of_a_tenant_whose_models_scale_to_zero(platform: Platform) -> None:
    (fraud,) = operations(changed(platform, {"scorer": {}}))
    assert fraud["hosts"] == ["*.tenant-fraud.svc.cluster.local", "*.tenant-fraud.svc", "*.tenant-fraud"]
    assert fraud["ports"] == [str(PROBES)]
    assert (fraud["methods"], fraud["paths"]) == (["GET"], ["/", "/.well-known/knative/revision/*"])


STANDARD = {"scaling": {"mode": "standard", "min_replicas": 1, "max_replicas": 2}, "rollout": {"strategy": "pinned"}}


def test_server_in_standard_mode_would_take_the_question_for_a_request_and_is_left_out(platform: Platform) -> None:
    (fraud,) = operations(changed(platform, {"scorer": {}, "other": STANDARD}))
    assert fraud["hosts"] == [f"scorer-predictor.tenant-fraud{rest}" for rest in (".svc.cluster.local", ".svc", "")]
    assert operations(changed(platform, {"other": STANDARD})) == []


def test_every_part_of_a_model_is_asked_about_beside_a_server_in_standard_mode(platform: Platform) -> None:
    """KServe makes a Knative Service of each, also of a predictor that callers reach through its transformer only."""
    decision = platform.tenants["credit"].models["decision"]
    assert decision.transformer
    assert decision.explainer
    told = decision.model_dump(exclude_unset=True)
    (hosts,) = (one["hosts"] for one in operations(changed(platform, {"decision": told, "other": STANDARD})))
    assert {host.partition(".")[0] for host in hosts} == {"decision-predictor", "decision-transformer", "decision-explainer"}
    assert len(hosts) == 3 * len((".svc.cluster.local", ".svc", ""))


def test_controllers_sidecar_shows_its_certificate_and_believes_the_local_gateway_only() -> None:
    (patched,) = cast("list[Any]", list(ingress_probes.objects()))
    assert patched["spec"]["workloadSelector"]["labels"] == {"app": "net-gateway-api-controller"}
    (patch,) = patched["spec"]["configPatches"]
    assert patch["match"]["cluster"] == {"name": "PassthroughCluster"}
    told = patch["patch"]["value"]["transport_socket"]["typed_config"]["common_tls_context"]
    assert [one["name"] for one in told["tls_certificate_sds_secret_configs"]] == ["default"]
    (believed,) = told["combined_validation_context"]["default_validation_context"]["match_typed_subject_alt_names"]
    assert believed["matcher"] == {"exact": "spiffe://cluster.local/ns/istio-ingress/sa/knative-local-istio"}
