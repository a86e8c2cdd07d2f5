"""Four hundred pods drawn at random, a thousand in whole runs, meet every policy and then the real scheduler: only who asks for a card gets onto a node with cards.

The nodes are machines of the platform's own pools, the GPU nodes large and empty and the others small, so that every pod that
could get onto a GPU node would.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.admission_server import ApiServer
from tests.policies.cases import Case, object_of
from tests.policies.tenant_objects import enforce, furnish, with_status
from tests.root import ROOT, WHOLE
from tests.scheduling_server import CASES, Scheduler, node_manifest, running_scheduler
from tidegate.facts import names
from tidegate.facts.cluster import SYSTEM_POOL
from tidegate.facts.platform import Platform
from tidegate.manifests.fit.nodes import NodeShape
from tidegate.manifests.fit.pools import cluster_pools
from tidegate.manifests.validate import read_folder

SEED, PODS = 6, 100
ROUNDS = 10 if WHOLE else 4
CLUSTER = "live-1"
CARDS = "nvidia.com/"
HOST = "kubernetes.io/hostname"

GPU = names.GPU_TAINT_KEY
TOLERATIONS: tuple[list[dict[str, str]], ...] = (
    [], [], [], [{"operator": "Exists"}], [{"operator": "Exists", "effect": "NoSchedule"}],
    [{"key": GPU, "operator": "Exists"}], [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
    [{"key": GPU, "operator": "Exists", "effect": "NoExecute"}], [{"key": f"{GPU}.shared", "operator": "Exists"}],
    [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
)  # fmt: skip
"""Beside these, that of one pool."""


@pytest.fixture(scope="module")
def machines(platform: Platform) -> list[NodeShape]:
    """One machine of each GPU pool of the cluster."""
    objects = read_folder(ROOT / "gitops" / "rendered").objects[CLUSTER]
    pools = cluster_pools(platform.clusters[CLUSTER], objects)
    return [
        pool.nodes[0] for pool in pools if pool.name != SYSTEM_POOL and any(card.startswith(CARDS) for card in pool.nodes[0].allocatable)
    ]


def nodes_of(machines: Sequence[NodeShape]) -> list[dict[str, Any]]:
    large = [
        replace(one, name=f"cards-{index}", labels={**one.labels, HOST: f"cards-{index}"}, allocatable={**one.allocatable, "pods": 110})
        for index, one in enumerate(machines)
    ]
    plain = NodeShape("plain", {HOST: "plain"}, (), {"cpu": 40_000, "memory": 80 * 1024**3, "pods": 30}, ())
    return [node_manifest(one) for one in (*large, plain)]


def draw(random: Random, name: str, base: dict[str, Any], machines: Sequence[NodeShape]) -> dict[str, Any]:
    pod = copy.deepcopy(base)
    pod["metadata"] = {"name": name, "namespace": CASES}
    spec, target = pod["spec"], random.choice(machines)
    cards = sorted(key for machine in machines for key in machine.allocatable if key.startswith(CARDS))
    own = [{"key": one.key, "value": one.value, "effect": one.effect} for one in target.taints]
    spec["tolerations"] = random.choice((*TOLERATIONS, own, own, own, own))
    spec.pop("nodeSelector")
    spec["priorityClassName"] = random.choice(("tidegate-batch", "tidegate-regulated"))
    labels = {key: value for key, value in target.labels.items() if key.startswith(("tidegate.dev/", "node.kubernetes.io/"))}
    if labels and random.random() < 0.3:
        spec["nodeSelector"] = dict([random.choice(sorted(labels.items()))])
    elif random.random() < 0.15:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [f"cards-{machines.index(target)}"]}]}
        spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    if random.random() < 0.05:
        spec["nodeName"] = f"cards-{machines.index(target)}"
    for container in spec["containers"]:
        amounts = {"cpu": random.choice(("100m", "1")), "memory": random.choice(("64Mi", "2Gi"))}
        container["resources"] = {"requests": dict(amounts), "limits": dict(amounts)}
    if random.random() < (0.7 if spec["tolerations"] is own else 0.3):
        fitting = [key for key in target.allocatable if key.startswith(CARDS)]
        card = random.choice([*cards, *fitting * 4, f"{CARDS}unknown"])
        for kind in spec["containers"][0]["resources"].values():
            kind[card] = "1"
    return pod


def asked_cards(pod: Mapping[str, Any]) -> set[str]:
    return {key for one in pod["spec"]["containers"] for key in one["resources"]["requests"] if key.startswith(CARDS)}


def make_tenant(api: ApiServer, machines: Sequence[NodeShape]) -> None:
    """Makes the scheduler's namespace a tenant's, with a quota that has room for everything."""
    labels = {**names.tenant_labels("credit", "regulated"), "pod-security.kubernetes.io/enforce": "restricted"}
    api.must_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CASES, "labels": labels}})
    cards = {f"requests.{key}": "100000" for machine in machines for key in machine.allocatable if key.startswith(CARDS)}
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota", "namespace": CASES},
        "spec": {"hard": {"pods": "100000", **cards}},
    }  # fmt: skip
    api.must_apply(quota)
    with_status(api, quota)


def placed(scheduler: Scheduler, drawn: Sequence[dict[str, Any]], seen: Counter[str]) -> list[tuple[dict[str, Any], str]]:
    """Each pod and the node it got onto, or nothing; `seen` counts what became of them."""
    admitted: list[dict[str, Any]] = []
    for pod in drawn:
        answer = scheduler.api.create(pod, dry_run=True)
        seen["refused"] += answer.code != 201
        if answer.code == 201:
            admitted.append(pod)
        else:
            assert "limit-gpu-pods: " in answer.message, answer.message
    verdicts = scheduler.judge(admitted)
    return [(pod, verdicts[pod["metadata"]["name"]].node) for pod in admitted]


@pytest.mark.apiserver
@pytest.mark.timeout(900)
def test_nothing_else_gets_onto_nodes_with_cards(
    tmp_path: Path, platform: Platform, tree: Mapping[str, dict[str, Any]], machines: list[NodeShape]
) -> None:
    random, seen = Random(SEED), Counter[str]()
    base = object_of(Case(base="pod"), tree)
    with running_scheduler(tmp_path) as scheduler:
        furnish(scheduler.api, tree)
        scheduler.furnish(nodes_of(machines), [])
        make_tenant(scheduler.api, machines)
        enforce(scheduler.api, platform, CLUSTER, tree, told=False)
        for turn in range(ROUNDS):
            drawn = [draw(random, f"pod-{turn}-{number}", base, machines) for number in range(PODS)]
            for pod, where in placed(scheduler, drawn, seen):
                with_cards = where.startswith("cards-")
                seen["on cards" if with_cards else where or "nowhere"] += 1
                if with_cards:
                    machine = machines[int(where.removeprefix("cards-"))]
                    assert asked_cards(pod) & machine.allocatable.keys(), f"{pod['spec']} is on {where}"
    assert sum(seen.values()) == ROUNDS * PODS
    assert min(seen[one] for one in ("refused", "on cards", "plain", "nowhere")) >= 5 * ROUNDS, seen
    print(f"{ROUNDS * PODS} pods: {dict(seen)}")  # noqa: T201 - shown with -s
