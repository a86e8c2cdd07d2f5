"""What each add-on must be told for tenants to be served and kept apart."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from clusters.addons import kserve, vault
from clusters.addons.region import AddOnRegion
from clusters.components.network import isolation
from clusters.components.nodes import gpu_pools
from clusters.components.serving import runtimes
from clusters.components.serving.model import KNATIVE_FEATURES
from tests.clusters.addons.addon_objects import CA_CERTIFICATE, pick
from tidegate.facts import names
from tidegate.facts.platform import Platform


def injector(addons: Any) -> tuple[Any, str]:
    """The settings and the templates that sidecars are made from."""
    data = pick(addons["istiod"], "ConfigMap", "istio-sidecar-injector")["data"]
    return json.loads(data["values"]), data["config"]


def environment(container: Any) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}


def test_vanilla_envoy_is_never_asked_for_istios_own_filters(addons: Any) -> None:
    [container] = pick(addons["istiod"], "Deployment", "istiod")["spec"]["template"]["spec"]["containers"]
    told = environment(container)
    assert told["PILOT_ENABLE_METADATA_EXCHANGE"] == told["PILOT_ENABLE_ALPN_FILTER"] == "false"
    assert "defaultProviders" not in pick(addons["istiod"], "ConfigMap", "istio")["data"]["mesh"]


def test_sidecars_satisfy_the_restricted_pod_security_level(addons: Any) -> None:
    values, _ = injector(addons)
    assert values["pilot"]["cni"]["enabled"] is True  # otherwise istio-init asks for NET_ADMIN
    assert values["global"]["proxy"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert values["pilot"]["env"]["ENABLE_NATIVE_SIDECARS"] == "true"


def test_a_changed_policy_reaches_callers_soon_and_cuts_no_usual_prediction(addons: Any) -> None:
    mesh = pick(addons["istiod"], "ConfigMap", "istio")["data"]["mesh"]
    assert "drainDuration: 10s" in mesh
    assert "concurrency: 1" in mesh
    assert "retryOn: connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes,reset\n" in mesh


def test_access_logs_keep_no_query_which_may_hold_a_token(addons: Any) -> None:
    mesh = pick(addons["istiod"], "ConfigMap", "istio")["data"]["mesh"]
    assert "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%" in mesh
    assert "%REQ(X-ENVOY-ORIGINAL-PATH" not in mesh


def test_gateways_wait_for_no_load_balancer(addons: Any) -> None:
    assert pick(addons["istiod"], "ConfigMap", "istio-default-gatewayclass-istio")["data"]["service"] == "spec:\n  type: ClusterIP\n"


def test_the_cni_plugin_is_chained_and_stays_off_played_nodes(addons: Any) -> None:
    assert pick(addons["istio-cni"], "ConfigMap", "istio-cni-config")["data"]["CHAINED_CNI_PLUGIN"] == "true"
    affinity = pick(addons["istio-cni"], "DaemonSet", "istio-cni-node")["spec"]["template"]["spec"]["affinity"]
    assert "karpenter.sh/nodepool" in json.dumps(affinity)


@pytest.mark.parametrize(
    ("deployment", "is_injected"), [("activator", True), ("autoscaler", True), ("controller", False), ("webhook", False)]
)
def test_only_what_speaks_to_tenants_pods_is_in_the_mesh(deployment: str, is_injected: bool, addons: Any) -> None:
    labels = pick(addons["knative"], "Deployment", deployment)["spec"]["template"]["metadata"]["labels"]
    assert labels.get("sidecar.istio.io/inject") == ("true" if is_injected else None)


def test_knative_allows_the_fields_that_models_use(addons: Any) -> None:
    features = pick(addons["knative"], "ConfigMap", "config-features")["data"]
    assert {feature: features[feature] for feature in KNATIVE_FEATURES} == dict.fromkeys(KNATIVE_FEATURES, "enabled")
    assert features["secure-pod-defaults"] == "enabled"


def test_knative_resolves_tags_at_the_regions_registry(addons: Any) -> None:
    assert pick(addons["knative"], "ConfigMap", "config-deployment")["data"]["registries-skipping-tag-resolving"] == ""
    assert pick(addons["knative"], "ConfigMap", "registry-ca")["data"]["ca.crt"] == CA_CERTIFICATE
    pod = pick(addons["knative"], "Deployment", "controller")["spec"]["template"]["spec"]
    [mount] = pod["containers"][0]["volumeMounts"]
    assert environment(pod["containers"][0])["SSL_CERT_FILE"] == f"{mount['mountPath']}/ca.crt"
    assert pod["volumes"] == [{"name": mount["name"], "configMap": {"name": "registry-ca"}}]


def test_knative_puts_nothing_on_the_edge(addons: Any) -> None:
    gateways = pick(addons["knative-gateway"], "ConfigMap", "config-gateway")["data"]
    for key in ("external-gateways", "local-gateways"):
        [entry] = json.loads(gateways[key])
        assert entry["gateway"] == f"{names.NAMESPACE_EDGE}/{names.GATEWAY_LOCAL}"
        assert entry["service"] == f"{names.NAMESPACE_EDGE}/{names.gateway_workload(names.GATEWAY_LOCAL)}"
    network = pick(addons["knative"], "ConfigMap", "config-network")["data"]
    assert network == {"ingress-class": "gateway-api.ingress.networking.knative.dev", "mesh-compatibility-mode": "enabled"}


def test_every_webhook_of_kserve_trusts_the_regions_authority(addons: Any) -> None:
    configurations = [manifest for manifest in addons["kserve"] if manifest["kind"].endswith("WebhookConfiguration")]
    assert len(configurations) == 6
    bundles = {webhook["clientConfig"]["caBundle"] for configuration in configurations for webhook in configuration["webhooks"]}
    assert [base64.b64decode(bundle).decode() for bundle in bundles] == [CA_CERTIFICATE]


def test_kserves_webhook_certificate_is_a_secret_outside_the_tree(addons: Any, region: AddOnRegion) -> None:
    secret: Any = kserve.certificate_secret(region)
    assert base64.b64decode(secret["data"]["tls.key"]).decode() == "key"
    [volume] = pick(addons["kserve"], "Deployment", "kserve-controller-manager")["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    assert not [manifest for manifest in addons["kserve"] if manifest["kind"] == "Secret"]


def test_models_are_fetched_from_the_emulator_under_the_restricted_level(addons: Any, region: AddOnRegion) -> None:
    container = pick(addons["kserve"], "ClusterStorageContainer", "default")["spec"]["container"]
    assert environment(container)["AWS_ENDPOINT_URL"] == region.facts.s3_endpoint
    assert environment(container)["AWS_DEFAULT_REGION"] == region.cluster.region
    security = container["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_what_fetches_models_verifies_them_by_the_platforms_word(addons: Any, region: AddOnRegion) -> None:
    container = pick(addons["kserve"], "ClusterStorageContainer", "default")["spec"]["container"]
    told = {variable["name"]: variable["valueFrom"] for variable in container["env"] if "valueFrom" in variable}
    assert told == {
        "VAULT_ROLE": {"fieldRef": {"fieldPath": "metadata.labels['tidegate.dev/tenant']"}},
        "MODEL_TRUST": {"configMapKeyRef": {"name": "model-trust", "key": "trust.json"}},  # not optional: without it no pod starts
        "SERVED_MODEL": {"fieldRef": {"fieldPath": "metadata.labels['serving.kserve.io/inferenceservice']"}},
    }
    settings = pick(addons["kserve"], "ConfigMap", "inferenceservice-config")["data"]
    fallback = json.loads(settings["storageInitializer"])["image"]
    assert container["image"] == fallback == region.image("model-verifier")


def test_kserve_makes_no_second_way_in(addons: Any) -> None:
    data = pick(addons["kserve"], "ConfigMap", "inferenceservice-config")["data"]
    assert json.loads(data["ingress"])["disableIstioVirtualHost"] is True
    assert json.loads(data["deploy"]) == {"defaultDeploymentMode": "Knative"}


def test_argo_cd_acts_as_the_tenants_account_or_not_at_all(addons: Any) -> None:
    settings = pick(addons["argo-cd"], "ConfigMap", "argocd-cm")["data"]
    assert settings["application.sync.impersonation.enabled"] == settings["application.sync.impersonation.enforced"] == "true"


def test_argo_cd_trusts_the_regions_git_server(addons: Any, region: AddOnRegion) -> None:
    certificates = pick(addons["argo-cd"], "ConfigMap", "argocd-tls-certs-cm")["data"]
    assert certificates == {"git.example.com": CA_CERTIFICATE}
    assert region.cluster.repository_url.startswith("https://git.example.com/")


def test_argo_cd_excludes_no_kind_that_we_apply(addons: Any) -> None:
    excluded = json.loads(pick(addons["argo-cd"], "ConfigMap", "argocd-cm")["data"]["resource.exclusions"])
    applied = {(manifest["apiVersion"].rpartition("/")[0], manifest["kind"]) for manifests in addons.values() for manifest in manifests}
    for entry in excluded:
        hidden = {
            (group, kind) for group, kind in applied if group in entry["apiGroups"] and ("*" in entry["kinds"] or kind in entry["kinds"])
        }
        assert hidden == set()


def test_karpenter_offers_every_machine_that_a_pool_names(addons: Any, region: AddOnRegion) -> None:
    offered = json.loads(pick(addons["karpenter"], "ConfigMap", "instance-types")["data"]["instance-types.json"])
    pairs: set[tuple[str, str]] = set()
    for machine in offered:
        assert int(machine["resources"]["nvidia.com/gpu"]) > 0
        for offering in machine["offerings"]:
            values = {requirement["key"]: requirement["values"] for requirement in offering["Requirements"]}
            assert values["topology.kubernetes.io/zone"][0] in region.cluster.network.availability_zones
            pairs.add((machine["name"], values["karpenter.sh/capacity-type"][0]))
    pools: list[Any] = [manifest for manifest in gpu_pools.objects(region.cluster, kwok=True) if manifest["kind"] == "NodePool"]
    for pool in pools:
        wanted = {requirement["key"]: requirement["values"] for requirement in pool["spec"]["template"]["spec"]["requirements"]}
        for machine in wanted["node.kubernetes.io/instance-type"]:
            assert [capacity for capacity in wanted["karpenter.sh/capacity-type"] if (machine, capacity) in pairs], pool["metadata"]


def test_karpenter_knows_shared_cards(addons: Any) -> None:
    [container] = pick(addons["karpenter"], "Deployment", "karpenter")["spec"]["template"]["spec"]["containers"]
    assert environment(container)["FEATURE_GATES"] == "NodeOverlay=true"


def test_dns_knows_the_names_outside_and_forwards_nothing(addons: Any) -> None:
    corefile = pick(addons["coredns"], "ConfigMap", "coredns")["data"]["Corefile"]
    assert "10.250.0.2 registry.example.com\n" in corefile
    compiled_in = {"cache", "errors", "health", "hosts", "kubernetes", "loop", "prometheus", "ready", "reload"}
    assert {line.split()[0] for line in corefile.splitlines() if line.startswith("    ") and line[4].isalpha()} <= compiled_in
    assert pick(addons["coredns"], "Service", "kube-dns")["spec"]["clusterIP"] == "10.96.0.10"


def test_tenants_network_policies_let_dns_through(addons: Any, platform: Platform) -> None:
    tenant = platform.tenants_of("live-1")[0]
    policies: list[Any] = list(isolation.guard_rails(platform, platform.clusters["live-1"], tenant))
    [rule] = pick(policies, "NetworkPolicy", "allow-dns")["spec"]["egress"]
    template = pick(addons["coredns"], "Deployment", "coredns")["spec"]["template"]
    assert rule["to"][0]["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    allowed = {(port["protocol"], port["port"]) for port in rule["ports"]}
    listening = {(port["protocol"], port["containerPort"]) for port in template["spec"]["containers"][0]["ports"] if "dns" in port["name"]}
    assert listening == allowed


def test_prometheus_may_reach_tenants_and_labels_what_a_canary_is_judged_by(addons: Any) -> None:
    deployment = pick(addons["prometheus"], "Deployment", "prometheus")
    assert deployment["metadata"]["namespace"] == names.NAMESPACE_MONITORING
    assert deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "prometheus"
    config = json.loads(pick(addons["prometheus"], "ConfigMap", "prometheus")["data"]["prometheus.yml"])
    [pods] = [job for job in config["scrape_configs"] if job["job_name"] == "models"]
    sources = {
        source: rule["target_label"] for rule in pods["relabel_configs"] for source in rule["source_labels"] if "target_label" in rule
    }
    assert sources["__meta_kubernetes_pod_label_serving_knative_dev_revision"] == "revision"
    found = {
        "__meta_kubernetes_pod_annotation_prometheus_io_port": "9091", "__meta_kubernetes_pod_annotation_prometheus_io_path": "/metrics",
        "__meta_kubernetes_pod_ip": "10.101.0.9",
    }  # fmt: skip
    assert address(pods["relabel_configs"], found) == "10.101.0.9:9091/metrics"
    of_tenant = found | {"__meta_kubernetes_pod_label_tidegate_dev_tenant": "fraud"}
    assert address(pods["relabel_configs"], of_tenant) == "10.101.0.9:15020/stats/prometheus", "STRICT mTLS lets nobody to another port"


def address(rules: list[dict[str, Any]], labels: dict[str, str]) -> str:
    """Where Prometheus asks a pod with these labels, after it has replaced what the rules say."""
    labels = dict(labels)
    for rule in rules:
        joined = rule.get("separator", ";").join(labels.get(name, "") for name in rule["source_labels"])
        if "target_label" in rule and (match := re.fullmatch(str(rule.get("regex", "(.*)")), joined)):
            labels[rule["target_label"]] = match.expand(str(rule.get("replacement", "$1")).replace("$1", r"\1"))
    return f"{labels['__address__']}{labels['__metrics_path__']}"


def test_vault_runs_restricted_on_a_folder_of_its_node_and_is_unsealed_by_a_secret_outside_the_tree(addons: Any) -> None:
    server = pick(addons["vault"], "StatefulSet", "vault")["spec"]
    pod = server["template"]["spec"]
    [container] = pod["containers"]
    assert container["command"] == ["/bin/vault"]
    assert "lifecycle" not in container  # the chart's would need a shell
    assert container["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert secrets == {"tls": vault.TLS_SECRET, "seal-key": vault.SEAL_SECRET}
    assert environment(container) == {"VAULT_SEAL_KEY_FILE": "/vault/seal/key", "GOMAXPROCS": "1"}
    assert not [manifest for manifest in addons["vault"] if manifest["kind"] == "Secret"]
    [claim] = server["volumeClaimTemplates"]
    volume = pick(addons["vault"], "PersistentVolume", "vault-data")["spec"]
    assert (volume["claimRef"]["name"], volume["storageClassName"]) == (
        f"{claim['metadata']['name']}-vault-0",
        claim["spec"]["storageClassName"],
    )


def test_vault_that_nobody_initialised_does_not_hold_up_the_waves(addons: Any) -> None:
    [container] = pick(addons["vault"], "StatefulSet", "vault")["spec"]["template"]["spec"]["containers"]
    assert "uninitcode=204" in container["readinessProbe"]["httpGet"]["path"]


def test_models_are_fetched_with_the_pods_own_identity_and_no_fixed_credentials(addons: Any) -> None:
    container = pick(addons["kserve"], "ClusterStorageContainer", "default")["spec"]["container"]
    told = environment(container)
    assert not [name for name in told if "KEY" in name]
    assert told["VAULT_ADDR"] == "https://vault.vault.svc:8200"
    assert told["VAULT_CACERT_BYTES"] == CA_CERTIFICATE
    [mount] = container["volumeMounts"]
    for runtime in runtimes.Runtime:
        spec: Any = runtimes.serving_runtime(runtime)["spec"]
        [volume] = [volume for volume in spec["volumes"] if volume["name"] == mount["name"]]
        assert volume["projected"]["sources"][0]["serviceAccountToken"]["audience"] == "vault"
        [shown] = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] == mount["name"]]
        assert shown["subPath"] not in {source["serviceAccountToken"]["path"] for source in volume["projected"]["sources"]}


def test_tenants_network_policies_let_vault_through(addons: Any, platform: Platform) -> None:
    tenant = platform.tenants_of("live-1")[0]
    policies: list[Any] = list(isolation.guard_rails(platform, platform.clusters["live-1"], tenant))
    [rule] = pick(policies, "NetworkPolicy", "allow-vault")["spec"]["egress"]
    listening = {
        port["containerPort"]
        for port in pick(addons["vault"], "StatefulSet", "vault")["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert {port["port"] for port in rule["ports"]} <= listening
    assert rule["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": vault.NAMESPACE}
