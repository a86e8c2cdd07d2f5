"""A pod that no pool can host is refused before merge, and the line says what is missing and where it would nearly have fitted."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import pytest

from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import replica_parts
from tidegate.manifests.fit.check import fit_findings
from tidegate.manifests.fit.needs import read_needs
from tidegate.manifests.fit.pods import expected_pods
from tidegate.manifests.placed import Placed
from tidegate.manifests.validate import read_folder

CHAT = "live-1/tenants/assistant/inferenceservice-chat.yaml"
POD = "live-1/somewhere/pod-a.yaml"


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(scope="module")
def tree() -> list[Placed]:
    """The rendered objects of one cluster."""
    return list(read_folder(ROOT / "gitops" / "rendered").objects["live-1"])


def found(platform: Platform, objects: list[Placed]) -> list[str]:
    return [str(finding) for finding in fit_findings(platform.clusters["live-1"], objects)]


def changed(tree: list[Placed], source: str, change: Callable[[Any], object]) -> list[Placed]:
    """The tree with one object edited."""
    assert any(placed.source == source for placed in tree), source
    edited: list[Placed] = []
    for placed in tree:
        manifest: Any = deepcopy(placed.manifest)
        if placed.source == source:
            change(manifest)
        edited.append(Placed(placed.source, manifest, placed.tenant_namespace))
    return edited


def with_pod(tree: list[Placed], spec: dict[str, Any], *others: Any) -> list[Placed]:
    """The tree and a pod of the platform, which has no sidecar."""
    pod: Any = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "platform"}, "spec": spec}
    return [*tree, Placed(POD, pod), *(Placed("live-1/somewhere/other.yaml", other) for other in others)]


def asking(requests: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "i", "resources": {"requests": requests}}], **more}


def on_l4(**more: Any) -> dict[str, Any]:
    toleration = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "l4-whole", "effect": "NoSchedule"}
    return {"nodeSelector": {"tidegate.dev/gpu-pool": "l4-whole"}, "tolerations": [toleration], **more}


def wanting(key: str, *values: str) -> dict[str, Any]:
    """A node affinity that insists."""
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": list(values)}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def test_everything_rendered_has_a_place(platform: Platform) -> None:
    objects = read_folder(ROOT / "gitops" / "rendered").objects
    for name, cluster in platform.clusters.items():
        assert [str(finding) for finding in fit_findings(cluster, objects[name])] == []


def test_model_without_a_card_needs_a_pool_without_a_taint(platform: Platform, tree: list[Placed]) -> None:
    bare = [placed for placed in tree if "/cpu-pools/" not in placed.source]
    (line,) = [line for line in found(platform, bare) if line.startswith("live-1/tenants/fraud/")]
    assert line == (
        "live-1/tenants/fraud/inferenceservice-scorer.yaml: spec.predictor: no pool can host pod scorer-predictor: on system (m6i.xlarge, "
        "eu-west-1a), which comes nearest, it does not tolerate CriticalAddonsOnly=true:NoSchedule; tolerate it, or add a pool without it "
        "[pod-fits-no-pool]"
    )


def test_model_above_its_pool_is_told_what_its_largest_machine_has_left(platform: Platform, tree: list[Placed]) -> None:
    def ask_more(service: Any) -> None:
        service["spec"]["predictor"]["model"]["resources"]["requests"] |= {"cpu": "9", "memory": "40Gi"}

    assert found(platform, changed(tree, CHAT, ask_more)) == [
        (
            f"{CHAT}: spec.predictor: no pool can host pod chat-predictor: on l4-whole (g6.2xlarge, on-demand, eu-west-1a), which comes nearest, "
            "it needs 9125m of cpu, 7610m are left for it, it needs 41152Mi of memory, 28510Mi are left for it; ask for 1515m of cpu less and "
            "ask for 12643Mi of memory less [pod-fits-no-pool]"
        )
    ]


def merged(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Lays `more` over `into`, map by map."""
    for key, value in more.items():
        if isinstance(value, dict) and key in into:
            merged(into[key], cast("dict[str, Any]", value))
        else:
            into[key] = value


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"tolerations": []}, "it does not tolerate nvidia.com/gpu=l4-whole:NoSchedule", id="no-toleration"),
        pytest.param(
            {"nodeSelector": {"tidegate.dev/gpu-pool": "l4"}},
            "it selects tidegate.dev/gpu-pool=l4, the node has l4-whole",
            id="no-such-pool",
        ),
        pytest.param(
            {"nodeSelector": {"karpenter.sh/capacity-type": "spot"}},
            "it selects karpenter.sh/capacity-type=spot, the node has on-demand",
            id="capacity-type-of-another-pool",
        ),
        pytest.param(
            {"nodeSelector": {"topology.kubernetes.io/zone": "eu-west-1d"}},
            "it selects topology.kubernetes.io/zone=eu-west-1d, the node has eu-west-1a",
            id="zone-without-subnet",
        ),
        pytest.param(
            {"affinity": wanting("karpenter.sh/capacity-type", "spot", "reserved")},
            "its node affinity wants karpenter.sh/capacity-type In [spot, reserved]",
            id="affinity-that-no-node-meets",
        ),
        pytest.param(
            {"model": {"resources": {"requests": {"nvidia.com/gpu": "2"}}}},
            "it needs 2 of nvidia.com/gpu, 1 are left for it",
            id="two-cards-of-one",
        ),
        pytest.param(
            {"model": {"resources": {"requests": {"nvidia.com/mig-1g.10gb": "1"}}}},
            "it needs 1 of nvidia.com/mig-1g.10gb, the node has none",
            id="slice-of-a-whole-card",
        ),
        pytest.param(
            {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}]},
            "it must be spread over rack, which the node does not have",
            id="spread-over-nothing",
        ),
    ],
)
def test_one_wrong_field_is_named(wrong: dict[str, Any], said: str, platform: Platform, tree: list[Placed]) -> None:
    (line,) = found(platform, changed(tree, CHAT, lambda service: merged(service["spec"]["predictor"], wrong)))
    assert f", which comes nearest, {said};" in line


def test_one_of_several_terms_is_enough(platform: Platform, tree: list[Placed]) -> None:
    affinity = wanting("karpenter.sh/capacity-type", "spot")
    terms = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    terms.append({"matchExpressions": [{"key": "karpenter.sh/capacity-type", "operator": "NotIn", "values": ["spot"]}]})
    assert found(platform, changed(tree, CHAT, lambda service: merged(service["spec"]["predictor"], {"affinity": affinity}))) == []


def test_slices_are_no_whole_cards(platform: Platform, tree: list[Placed]) -> None:
    """A node whose cards are cut reports slices and no card, whatever its vendor's list says."""
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    spec = asking({"nvidia.com/gpu": "1"}, tolerations=[toleration], nodeSelector={"tidegate.dev/gpu-pool": "h100-slices"})
    (line,) = found(platform, with_pod(tree, spec))
    assert "it needs 1 of nvidia.com/gpu, the node has none; use a pool with nvidia.com/gpu" in line
    assert found(platform, with_pod(tree, {**spec, **asking({"nvidia.com/mig-1g.10gb": "7"})})) == []


# The larger machine of l4-whole: 8 cores less 90m for the kubelet, 290m for agents and 10m for the image puller.
FITS, TOO_MUCH = "7610m", "7611m"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="alone"),
        pytest.param({"initContainers": [{"name": "i", "resources": {"requests": {"cpu": "7"}}}]}, id="init-container-runs-before"),
    ],
)
def test_pod_may_have_all_that_is_left(more: dict[str, Any], platform: Platform, tree: list[Placed]) -> None:
    assert found(platform, with_pod(tree, asking({"cpu": FITS}, **on_l4(**more)))) == []
    (line,) = found(platform, with_pod(tree, asking({"cpu": TOO_MUCH}, **on_l4(**more))))
    assert line.startswith(f"{POD}: spec: no pool can host pod a: on l4-whole (g6.2xlarge")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(
            {"initContainers": [{"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1m"}}}]}, id="sidecar"
        ),
        pytest.param({"initContainers": [{"name": "i", "resources": {"requests": {"cpu": TOO_MUCH}}}]}, id="init-container"),
        pytest.param({"overhead": {"cpu": "1m"}}, id="overhead"),
        pytest.param({"runtimeClassName": "box"}, id="runtime-class"),
        pytest.param({"resources": {"requests": {"cpu": TOO_MUCH}}}, id="stated-for-the-pod"),
        pytest.param({"resources": {"limits": {"cpu": "9", "memory": "60Gi"}}}, id="limit-for-the-pod"),
    ],
)
def test_what_comes_on_top_is_counted(more: dict[str, Any], platform: Platform, tree: list[Placed]) -> None:
    box = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "box"}, "overhead": {"podFixed": {"cpu": "1m"}}}
    assert len(found(platform, with_pod(tree, asking({"cpu": FITS}, **on_l4(**more)), box))) == 1


def test_daemon_sets_take_their_part_of_every_node_they_tolerate(platform: Platform, tree: list[Placed]) -> None:
    puller = "live-1/platform/prepull/daemonset-prepull-l4-whole.yaml"
    without = [placed for placed in tree if placed.source != puller]
    assert found(platform, with_pod(without, asking({"cpu": "7620m"}, **on_l4()))) == []
    assert len(found(platform, with_pod(tree, asking({"cpu": "7620m"}, **on_l4())))) == 1

    def asks(cpu: str) -> list[str]:
        def ask(daemon_set: Any) -> None:
            daemon_set["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu

        return [line.partition(":")[0] for line in found(platform, changed(tree, puller, ask))]

    assert asks("10m") == []
    assert asks("7620m") == [CHAT], "all that is left is the DaemonSet's; it does not count against itself"
    assert asks("7621m") == [puller, CHAT]


def test_pool_that_no_machine_meets_is_named(platform: Platform, tree: list[Placed]) -> None:
    def ask_for_arm(pool: Any) -> None:
        pool["spec"]["template"]["spec"]["requirements"][0]["values"] = ["arm64"]

    pool = "live-1/platform/gpu-pools/nodepool-l4-whole.yaml"
    lines = found(platform, changed(tree, pool, ask_for_arm))
    assert lines[0] == f"{pool}: spec.template.spec.requirements: no machine meets them; change them or the limits [pool-without-node]"
    assert any(line.startswith(f"{CHAT}: ") for line in lines)


def test_machine_above_the_pools_limit_is_never_started(platform: Platform, tree: list[Placed]) -> None:
    pool = "live-1/platform/gpu-pools/nodepool-h100-slices.yaml"
    lines = found(platform, changed(tree, pool, lambda manifest: manifest["spec"]["limits"].update({"nvidia.com/mig-1g.10gb": "6"})))
    assert any(line.startswith(pool) and "[pool-without-node]" in line for line in lines)


def test_unreadable_quantity_is_a_finding_and_hides_no_other(platform: Platform, tree: list[Placed]) -> None:
    spoiled = changed(tree, CHAT, lambda service: service["spec"]["predictor"]["model"]["resources"]["requests"].update(cpu="much"))
    assert found(platform, with_pod(spoiled, asking({"cpu": "1000"}))) == [
        (
            f"{CHAT}: spec.predictor.model.resources.requests.cpu = much: is no amount of anything; write a Kubernetes quantity such as 500m or "
            "2Gi [amount-unreadable]"
        ),
        (
            f"{POD}: spec: no pool can host pod a: on cpu (m7i.4xlarge, on-demand, eu-west-1a), which comes nearest, it needs 1000 of cpu, "
            "15600m are left for it; ask for 984400m of cpu less [pod-fits-no-pool]"
        ),
    ]


def test_quota_is_reckoned_with_what_the_scheduler_is_asked_for(platform: Platform, tree: list[Placed]) -> None:
    """What facts say of a replica is what its whole pod asks for: server, mesh sidecar and Knative's queue-proxy."""
    asked: dict[str, tuple[int, int]] = {}
    for placed in (each for each in tree if each.kind == "InferenceService"):
        for pod in expected_pods(placed, {}):
            requests = read_needs(pod.spec).requests
            asked[f"{placed.tenant_namespace}/{pod.name}"] = requests["cpu"], requests["memory"] // 2**20
    reckoned = {
        f"{tenant.namespace_name}/{name}-{part}": (round(own.cpu * 1000), round(own.memory_gib * 1024))
        for tenant in platform.tenants_of("live-1")
        for name, model in tenant.models.items()
        for part, (_, _, own) in zip(
            ("predictor", *(part for part in ("transformer", "explainer") if getattr(model, part))), replica_parts(model), strict=True
        )
    }
    assert asked == reckoned
    assert len(asked) > 6
