"""GPU models land on their own tainted pools, hot tiers keep their floors and win when a pool is full."""

from __future__ import annotations

from typing import Any, cast

import pytest

from clusters import cluster_tree
from clusters.components.nodes import cpu_pools, gpu_sharing
from clusters.components.serving.model import inference_service
from clusters.components.tenancy.priorities import IDLE_PRIORITY, PRIORITIES
from clusters.delivery import gpu_operator
from clusters.objects.placement import placement, priority_class
from tests.clusters.selection import Select
from tidegate.facts.cluster import CapacityType, TimeSlicing
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.nodes.cpu_pools import CpuPool
from tidegate.facts.platform import Platform
from tidegate.facts.rules.pools import pools_for
from tidegate.facts.tenant import Tier
from tidegate.manifests.placed import Placed
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.tree import RenderedObject, file_path
from tidegate.manifests.validate import judge

CLUSTERS = ("live-1", "live-2")
GPU_MODELS = {("assistant", "chat"): "l4-whole", ("credit", "decision"): "h100-slices", ("scoring", "batch"): "a10g-spot"}


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize(("tenant", "model"), list(GPU_MODELS))
def test_gpu_model_tolerates_and_selects_its_pool_only(select: Select, cluster: str, tenant: str, model: str) -> None:
    (service,) = select(f"{cluster}/tenants/{tenant}", "InferenceService", model)
    predictor, pool = service["spec"]["predictor"], GPU_MODELS[tenant, model]
    assert predictor["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Equal", "value": pool, "effect": "NoSchedule"}]
    assert predictor["nodeSelector"]["tidegate.dev/gpu-pool"] == pool
    (node_pool,) = select(f"{cluster}/platform/gpu-pools", "NodePool", pool)
    assert node_pool["spec"]["template"]["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": pool, "effect": "NoSchedule"}]
    assert node_pool["spec"]["template"]["metadata"]["labels"]["tidegate.dev/gpu-pool"] == pool
    for companion in ("transformer", "explainer"):
        assert "tolerations" not in service["spec"].get(companion, {}), "a companion needs no card and must not take a GPU node's room"


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_pool_is_tainted_and_bounded(select: Select, platform: Platform, cluster: str) -> None:
    for name, pool in platform.clusters[cluster].gpu_pools.items():
        (node_pool,) = select(f"{cluster}/platform/gpu-pools", "NodePool", name)
        assert node_pool["spec"]["template"]["spec"]["taints"]
        shares = {"nvidia.com/mig-1g.10gb": str(7 * pool.max_gpus)} if pool.sharing else {}
        assert node_pool["spec"]["limits"] == {"nvidia.com/gpu": str(pool.max_gpus), **shares}, "cut cards are reported as shares only"
        assert node_pool["spec"]["disruption"]["consolidationPolicy"] == "WhenEmpty"


def test_only_gpu_models_and_image_pullers_tolerate_gpu_pools(rendered: list[RenderedObject]) -> None:
    tolerant = {(each.folder, str(each.manifest["kind"])) for each in rendered if "'operator': 'Equal', 'value'" in str(each.manifest)}
    assert tolerant == {
        (f"{cluster}/{folder}", kind)
        for cluster in CLUSTERS
        for folder, kind in (
            ("tenants/assistant", "InferenceService"), ("tenants/credit", "InferenceService"), ("tenants/scoring", "InferenceService"),
            ("platform/prepull", "DaemonSet"),
        )
    }  # fmt: skip


def without_node_class(manifest: Any) -> Any:
    template = manifest["spec"].get("template")
    if template is None:
        return manifest
    spec = {**template["spec"], "nodeClassRef": None}
    return {**manifest, "spec": {**manifest["spec"], "template": {**template, "spec": spec}}}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_kwok_pools_differ_in_the_node_class_only(select: Select, cluster: str) -> None:
    real = [without_node_class(each) for each in select(f"{cluster}/platform/gpu-pools") if each["kind"] != "EC2NodeClass"]
    fake = [without_node_class(each) for each in select(f"{cluster}/platform/gpu-pools-kwok") if each["kind"] != "KWOKNodeClass"]
    assert real == fake
    for folder, kind in (("gpu-pools", "EC2NodeClass"), ("gpu-pools-kwok", "KWOKNodeClass")):
        (node_class,) = select(f"{cluster}/platform/{folder}", kind)
        for pool in select(f"{cluster}/platform/{folder}", "NodePool"):
            reference = pool["spec"]["template"]["spec"]["nodeClassRef"]
            assert (reference["kind"], reference["name"]) == (kind, node_class["metadata"]["name"])


def test_arm64_machines_are_asked_for_where_all_images_are_built_for_them(platform: Platform) -> None:
    cluster = platform.clusters["live-1"]
    pool = CpuPool(instance_types=("m7i.2xlarge", "m8g.2xlarge"), max_cpu=160, arm64_images=True)
    for kept, wanted in ((cluster.cpu_pools["cpu"], ["amd64"]), (pool, ["amd64", "arm64"])):
        (node_pool,) = (
            each for each in cpu_pools.objects(cluster.model_copy(update={"cpu_pools": {"cpu": kept}})) if each["kind"] == "NodePool"
        )
        requirements = {each["key"]: each["values"] for each in cast("Any", node_pool)["spec"]["template"]["spec"]["requirements"]}
        assert requirements["kubernetes.io/arch"] == wanted


def test_slices_are_told_to_karpenter_and_to_the_gpu_operator(select: Select) -> None:
    (overlay,) = select("live-1/platform/gpu-pools", "NodeOverlay")
    assert overlay["spec"]["capacity"] == {"nvidia.com/mig-1g.10gb": "7"}, "a card of 7 slices"
    (config,) = select("live-1/platform/gpu-sharing", "ConfigMap")
    assert '"all-1g.10gb"' in config["data"]["config.yaml"]
    (pool,) = select("live-1/platform/gpu-pools", "NodePool", "h100-slices")
    assert pool["spec"]["template"]["metadata"]["labels"]["nvidia.com/mig.config"] == "all-1g.10gb"


def test_cpu_pools_bear_every_pod_and_bring_no_card(select: Select) -> None:
    (pool,) = select("live-1/platform/cpu-pools", "NodePool", "cpu")
    template = pool["spec"]["template"]["spec"]
    assert "taints" not in template, "models without a card tolerate nothing"
    values = {each["key"]: each["values"] for each in template["requirements"]}
    assert values["karpenter.sh/capacity-type"] == ["on-demand"], "hot tiers share these nodes"
    assert pool["spec"]["limits"] == {"cpu": "160"}
    (node_class,) = select("live-1/platform/cpu-pools", "EC2NodeClass")
    (of_cards,) = select("live-1/platform/gpu-pools", "EC2NodeClass")
    tags = [each["spec"]["amiSelectorTerms"][0]["tags"] for each in (node_class, of_cards)]
    assert not set(tags[0]) & set(tags[1]), "the newest image with the tag is taken"


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_model_on_spot_without_a_card_is_alone_on_its_pool(select: Select, platform: Platform, cluster: str) -> None:
    (pool,) = select(f"{cluster}/platform/cpu-pools", "NodePool", "cpu-spot")
    template = pool["spec"]["template"]["spec"]
    (taint,) = template["taints"]
    assert taint == {"key": "tidegate.dev/spot", "value": "cpu-spot", "effect": "NoSchedule"}
    values = {each["key"]: each["values"] for each in template["requirements"]}
    assert values["karpenter.sh/capacity-type"] == ["spot"]
    tolerant: set[str] = set()
    for tenant in platform.tenants_of(cluster):
        for name in tenant.models:
            (service,) = select(f"{cluster}/tenants/{tenant.name}", "InferenceService", name)
            predictor = service["spec"]["predictor"]
            if {**taint, "operator": "Equal"} in predictor.get("tolerations", []):
                tolerant.add(f"{tenant.name}/{name}")
                assert predictor["nodeSelector"] == {"karpenter.sh/capacity-type": "spot"}
    assert tolerant == {"scoring/fraud-shadow"}, "scoring/batch has a card, and the others stay on demand"


def test_companion_of_a_model_on_spot_stays_on_demand(platform: Platform) -> None:
    shadow = platform.tenants["scoring"].models["fraud-shadow"]
    beside = shadow.model_copy(update={"transformer": platform.tenants["credit"].models["decision"].transformer})
    spec: Any = inference_service(platform.clusters["live-1"], platform.tenants["scoring"], "fraud-shadow", beside)["spec"]
    assert "tolerations" in spec["predictor"]
    assert not {"tolerations", "nodeSelector"} & spec["transformer"].keys()


def test_pretended_cpu_nodes_take_no_pod_away_from_the_real_one(platform: Platform) -> None:
    embedded = embed(platform, EmbeddedFacts(repository_url="git://git.example.com/tidegate.git", edge_addresses={"live-1": "192.0.2.1"}))
    objects = list(cluster_tree.objects(embedded))
    assert not [each for each in objects if "cpu-pools" in each.folder or "cpu-pools" in file_path(each)]
    assert "tidegate.dev/spot" not in str(objects), "nothing would ever host a pod that selects spot"
    assert not [each for each in objects if file_path(each).endswith("application-add-on-gpu-operator.yaml")]


def test_gpu_operator_cuts_as_the_pools_say_and_leaves_the_driver_alone(select: Select) -> None:
    (application,) = select("live-1/delivery", "Application", "add-on-gpu-operator")
    told = application["spec"]["source"]["helm"]["valuesObject"]
    assert (told["driver"], told["toolkit"], told["mig"]) == ({"enabled": False}, {"enabled": False}, {"strategy": "mixed"})
    (config,) = select("live-1/platform/gpu-sharing", "ConfigMap")
    assert told["migManager"]["config"]["name"] == config["metadata"]["name"]
    assert f'"{told["migManager"]["config"]["default"]}"' in config["data"]["config.yaml"]
    (project,) = select("live-1/delivery", "AppProject", "add-ons")
    assert application["spec"]["source"]["repoURL"] in project["spec"]["sourceRepos"]
    assert {"group": "nvidia.com", "kind": "ClusterPolicy"} in project["spec"]["clusterResourceWhitelist"]


def test_shared_cards_have_an_entry_for_nodes_that_share_none(platform: Platform) -> None:
    cluster = platform.clusters["live-1"]
    pool = cluster.gpu_pools["l4-whole"].model_copy(update={"sharing": TimeSlicing(kind="time-slicing", replicas=4)})
    shared = cluster.model_copy(update={"gpu_pools": {"l4-shared": pool, "l4-whole": cluster.gpu_pools["l4-whole"]}})
    told: Any = gpu_operator.values(shared)
    configs: list[Any] = [each for each in gpu_sharing.objects(shared) if each["kind"] == "ConfigMap"]
    (config,) = configs
    assert told["devicePlugin"]["config"]["name"] == config["metadata"]["name"]
    assert {told["devicePlugin"]["config"]["default"], "shared-by-4"} == set(config["data"])
    assert told["migManager"] == {"enabled": False}


def test_models_of_a_large_tenant_are_applied_by_waves(platform: Platform) -> None:
    cluster, whole = platform.clusters["live-1"], platform.tenants["assistant"]
    many = whole.model_copy(update={"models": {f"chat-{index:02}": whole.models["chat"] for index in range(30)}})
    waves = [
        inference_service(cluster, many, name, model)["metadata"]["annotations"].get("argocd.argoproj.io/sync-wave")  # pyright: ignore[reportTypedDictNotRequiredAccess] - it has annotations
        for name, model in many.models.items()
    ]
    assert waves == [None] * 25 + ["1"] * 5


def test_priorities_let_hot_tiers_preempt_and_batch_give_way(select: Select) -> None:
    classes = {each["metadata"]["name"]: each for each in select("live-1/platform/priorities")}
    values = {name: each["value"] for name, each in classes.items()}
    assert values["tidegate-regulated"] == values["tidegate-critical"] > values["tidegate-standard"] > values["tidegate-batch"] > 0
    assert values["tidegate-idle"] == IDLE_PRIORITY < 0
    assert {name for name, each in classes.items() if each["preemptionPolicy"] == "Never"} == {"tidegate-batch", "tidegate-idle"}
    assert set(PRIORITIES) == set(Tier)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_models_have_their_tiers_priority_and_floor(select: Select, platform: Platform, cluster: str) -> None:
    for tenant in platform.tenants_of(cluster):
        for name, model in tenant.models.items():
            (service,) = select(f"{cluster}/tenants/{tenant.name}", "InferenceService", name)
            predictor = service["spec"]["predictor"]
            assert predictor["priorityClassName"] == f"tidegate-{tenant.tier}"
            assert predictor["minReplicas"] == model.scaling.min_replicas
            assert "canaryTrafficPercent" not in predictor
            if tenant.tier.is_hot:
                assert predictor["minReplicas"] >= 2
                assert select(f"{cluster}/tenants/{tenant.name}", "PodDisruptionBudget", f"{name}-predictor")


def test_shadow_gives_way_even_in_a_hot_tenant(platform: Platform) -> None:
    fraud, shadow = platform.tenants["fraud"], platform.tenants["scoring"].models["fraud-shadow"]
    assert priority_class(fraud, shadow) == "tidegate-batch"


def test_model_with_several_pools_selects_among_them_and_avoids_spot(platform: Platform) -> None:
    cluster = platform.clusters["live-1"]
    pool = cluster.gpu_pools["l4-whole"]
    mixed = pool.model_copy(update={"capacity_types": (CapacityType.SPOT, CapacityType.ON_DEMAND)})
    wider = cluster.model_copy(update={"gpu_pools": {"l4-mixed": mixed, "l4-whole": pool}})
    chat = platform.tenants["assistant"].models["chat"]
    assert set(pools_for(wider, chat)) == {"l4-mixed", "l4-whole"}
    placed: Any = placement(wider, chat)
    terms = placed["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms == [
        {
            "matchExpressions": [
                {"key": "tidegate.dev/gpu-pool", "operator": "In", "values": ["l4-mixed", "l4-whole"]},
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand", "reserved"]},
            ]
        }
    ]
    assert [each["value"] for each in placed["tolerations"]] == ["l4-mixed", "l4-whole"]


def test_cluster_without_gpu_pools_gets_nothing_about_gpus(platform: Platform) -> None:
    bare = {name: cluster.model_copy(update={"gpu_pools": {}}) for name, cluster in platform.clusters.items()}
    only_cpu = {name: tenant for name, tenant in platform.tenants.items() if name in {"fraud", "merchants"}}
    folders = {each.folder.rpartition("/")[2] for each in cluster_tree.objects(Platform(bare, only_cpu))}
    assert folders == {"catalogue", "cpu-pools", "delivery", "edge", "fraud", "merchants", "mesh", "policies", "priorities", "runtimes"}


def test_warm_floor_holds_every_share_and_gives_way_to_all(platform: Platform, schemas: SchemaSet) -> None:
    cluster = platform.clusters["live-1"]
    pool = cluster.gpu_pools["h100-slices"].model_copy(update={"warm_floor_gpus": 2})
    warm = cluster.model_copy(update={"gpu_pools": {**cluster.gpu_pools, "h100-slices": pool}})
    objects = list(cluster_tree.objects(Platform({**platform.clusters, "live-1": warm}, platform.tenants)))
    (held,) = [each.manifest for each in objects if each.folder == "live-1/platform/warm-floor"]
    assert judge(Placed("f", held), schemas) == []
    deployment: Any = held
    assert deployment["spec"]["replicas"] == 14, "2 cards of 7 slices"
    pod = deployment["spec"]["template"]["spec"]
    assert pod["priorityClassName"] == "tidegate-idle"
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "1"
    assert "application-platform-warm-floor.yaml" in {file_path(each).rpartition("/")[2] for each in objects}
