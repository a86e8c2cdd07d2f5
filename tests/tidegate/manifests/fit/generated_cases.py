"""Seeded cases for the fit check: a few nodes with the pods they carry, and a pod that fits somewhere or just does not.

A pod is drawn around what one of its nodes has left, so that about half of them fit and many miss by one unit. `SEEN` counts
what was drawn, because a feature that never comes up has not been compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.scheduling_server import AGENTS
from tidegate.manifests.fit.amounts import shown
from tidegate.manifests.fit.nodes import NodeShape
from tidegate.manifests.fit.selectors import Taint

GIB = 1024**3
LABELS = ("pool", "topology.kubernetes.io/zone", "karpenter.sh/capacity-type", "generation")
VALUES = {
    "pool": ("l4", "h100", "a10g"),
    "topology.kubernetes.io/zone": ("a", "b", "c"),
    "karpenter.sh/capacity-type": ("spot", "on-demand", "reserved"),
    "generation": ("3", "5", "7", "new"),
}
CARDS = ("nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb", "nvidia.com/mig-3g.40gb")
TAINTS = (
    Taint("nvidia.com/gpu", "l4", "NoSchedule"), Taint("nvidia.com/gpu", "h100", "NoSchedule"), Taint("CriticalAddonsOnly", "true", "NoSchedule"),
    Taint("leaving", "", "NoExecute"), Taint("slow", "yes", "PreferNoSchedule"),
)  # fmt: skip
RUNTIME_CLASSES = {"small-box": {"cpu": "100m", "memory": "64Mi"}, "large-box": {"cpu": "1", "memory": "1Gi"}}
"""RuntimeClasses by name: what a pod of each costs by itself."""

SEEN: Counter[str] = Counter()


@dataclass(frozen=True)
class Case:
    """One pod, and all the nodes it may be on."""

    name: str
    nodes: tuple[NodeShape, ...]
    pod: dict[str, Any]


def draw_nodes(random: Random, group: str, machines: Sequence[NodeShape]) -> tuple[NodeShape, ...]:
    """One to four nodes that only pods of `group` may use; some are the platform's own `machines`."""
    drawn = [_machine(random, machines) if random.random() < 0.4 else _any_node(random) for _ in range(random.randint(1, 4))]
    return tuple(
        replace(node, name=f"{group}-{index}", labels={**node.labels, "kubernetes.io/hostname": f"{group}-{index}", "group": group})
        for index, node in enumerate(drawn)
    )


def _machine(random: Random, machines: Sequence[NodeShape]) -> NodeShape:
    SEEN["machine of the platform"] += 1
    return random.choice(machines)


def _any_node(random: Random) -> NodeShape:
    allocatable = {"cpu": random.randint(500, 16_000), "memory": random.randint(1, 64) * GIB - random.choice((0, 1, 12_345_678))}
    allocatable["pods"] = random.choice((1, 2, 3, 30, 110))
    if random.random() < 0.7:
        allocatable["ephemeral-storage"] = random.randint(1, 50) * GIB
    for card in random.sample(CARDS, random.choice((0, 1, 1, 2))):
        allocatable[card] = random.choice((1, 2, 4, 7))
    labels = {key: random.choice(VALUES[key]) for key in LABELS if random.random() < 0.85}
    drawn = random.sample(TAINTS, random.choice((0, 0, 1, 1, 2)))
    taints = tuple({(taint.key, taint.effect): taint for taint in drawn}.values())
    daemons = tuple({"cpu": random.randint(1, 200), "memory": random.randint(1, 200) * 1024**2} for _ in range(random.choice((0, 0, 1, 2))))
    return NodeShape("", labels, taints, allocatable, daemons)


def draw_pod(random: Random, case: str, nodes: Sequence[NodeShape]) -> dict[str, Any]:
    """A pod drawn around one of the nodes."""
    target = random.choice(nodes)
    group = str(target.labels["group"])
    spec: dict[str, Any] = {"nodeSelector": {"group": group}, **_containers(random, target)}
    tolerations = _tolerations(random, target)
    if tolerations:
        spec["tolerations"] = tolerations
    if random.random() < 0.3:
        SEEN["selector"] += 1
        key = random.choice(LABELS)
        spec["nodeSelector"][key] = target.labels.get(key, "a") if random.random() < 0.7 else random.choice(VALUES[key])
    affinity: dict[str, Any] = {}
    if random.random() < 0.35:
        SEEN["node affinity"] += 1
        terms = [_term(random, target) for _ in range(random.choice((1, 1, 2, 3)))]
        affinity["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    own = {"labelSelector": {"matchLabels": {"case": case}}}
    for kind in ("podAffinity", "podAntiAffinity"):
        if random.random() < 0.1:
            SEEN[kind] += 1
            affinity[kind] = {"requiredDuringSchedulingIgnoredDuringExecution": [{**own, "topologyKey": random.choice(LABELS)}]}
    if affinity:
        spec["affinity"] = affinity
    if random.random() < 0.2:
        SEEN["spread"] += 1
        constraint = {**own, "maxSkew": random.choice((1, 2)), "topologyKey": random.choice(LABELS), "whenUnsatisfiable": "DoNotSchedule"}
        if random.random() < 0.4:
            constraint["minDomains"] = random.choice((1, 3))
        spec["topologySpreadConstraints"] = [constraint, {**own, "maxSkew": 1, "topologyKey": "x", "whenUnsatisfiable": "ScheduleAnyway"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": case, "labels": {"case": case}}, "spec": spec}


def _containers(random: Random, target: NodeShape) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    extra = {"cpu": 0, "memory": 0}
    if random.random() < 0.2:
        SEEN["overhead"] += 1
        spec["runtimeClassName"], spec["overhead"] = name, _ = random.choice(sorted(RUNTIME_CLASSES.items()))
        extra = {"cpu": 100, "memory": 64 * 1024**2} if name == "small-box" else {"cpu": 1000, "memory": GIB}
    wanted = {name: _around(random, target.left(name)) - extra[name] for name in ("cpu", "memory")}
    if random.random() < 0.3:
        SEEN["ephemeral storage"] += 1
        wanted["ephemeral-storage"] = _around(random, target.left("ephemeral-storage"))
    containers: list[dict[str, Any]] = [{"requests": {}, "limits": {}} for _ in range(random.choice((1, 1, 2, 3)))]
    sidecars: list[dict[str, Any]] = [{"requests": {}, "limits": {}, "sidecar": True} for _ in range(random.choice((0, 0, 1, 2)))]
    for name, amount in wanted.items():
        _split(random, name, max(amount, 0), [*containers, *sidecars])
    card = random.choice([*(name for name in target.allocatable if name in CARDS), *CARDS[:2]])
    if random.random() < 0.4:
        SEEN["card"] += 1
        containers[0]["limits"][card] = str(max(1, target.left(card) + random.choice((0, 0, 0, -1, 1))))
    starters: list[dict[str, Any]] = list(sidecars)
    if random.random() < 0.35:
        SEEN["init container"] += 1
        amount = _around(random, target.left("cpu"))
        starters.insert(random.randint(0, len(sidecars)), {"requests": {"cpu": _written(random, "cpu", max(amount, 0))}, "limits": {}})
    SEEN["sidecar"] += len(sidecars)
    spec["containers"] = [_container(f"c{index}", one) for index, one in enumerate(containers)]
    if starters:
        spec["initContainers"] = [_container(f"i{index}", one) for index, one in enumerate(starters)]
    if random.random() < 0.12 and not starters:
        SEEN["stated for the pod"] += 1
        amount = max(target.left("cpu") - extra["cpu"], wanted["cpu"], 0) + random.choice((0, 1, 500))
        for container in containers:  # the API server wants them within the pod's limit
            if "cpu" in container["requests"]:
                container["limits"].pop("cpu", None)
        # A limit needs no request: it takes that of the containers then, or its own.
        spec["resources"] = {random.choice(("requests", "limits")): {"cpu": f"{amount}m"}}
    return spec


def _container(name: str, drawn: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = {"name": name, "image": "image", "resources": {"requests": drawn["requests"], "limits": drawn["limits"]}}
    if drawn.get("sidecar"):
        container["restartPolicy"] = "Always"
    return container


def _split(random: Random, name: str, amount: int, among: list[dict[str, Any]]) -> None:
    """Shares an amount out, as requests or, for one container in five, as limits alone."""
    for index, one in enumerate(among):
        share = amount if index == len(among) - 1 else random.randint(0, amount)
        amount -= share
        if share or random.random() < 0.5:
            one["limits" if random.random() < 0.2 else "requests"][name] = _written(random, name, share)
            if name in one["requests"] and random.random() < 0.3:
                SEEN["limit above request"] += 1
                one["limits"][name] = _written(random, name, 2 * share)


def _around(random: Random, left: int) -> int:
    SEEN["just fits"] += (drawn := random.choice((0.1, 0.2, 0.4, 0.6, 0.6, 0.95, 1, 1, 1.2))) == 1
    return int(left * drawn) + (random.choice((0, 0, 1, -1)) if drawn == 1 else 0)


def _written(random: Random, name: str, amount: int) -> str:
    """One of the ways in which people write an amount."""
    if name == "cpu":
        return f"{amount}m" if random.random() < 0.7 else f"{amount / 1000:.3f}"
    if amount % 1024**2 == 0:
        return shown(name, amount) if amount % GIB == 0 and amount else f"{amount // 1024**2}Mi"
    return random.choice((str(amount), f"{amount}000m", f"{amount * 1000 - 1}m"))


def _tolerations(random: Random, target: NodeShape) -> list[dict[str, str]]:
    if random.random() < 0.08:
        SEEN["tolerates all"] += 1
        return [{"operator": "Exists"}]
    found: list[dict[str, str]] = []
    for taint in target.taints:
        if random.random() < 0.92:
            SEEN["toleration"] += 1
            one = (
                {"key": taint.key, "operator": "Exists"}
                if random.random() < 0.3 or not taint.value
                else {"key": taint.key, "value": taint.value}
            )
            if random.random() < 0.7:
                one["effect"] = taint.effect if random.random() < 0.95 else "NoExecute"
            found.append(one)
    return found


def _term(random: Random, target: NodeShape) -> dict[str, Any]:
    if random.random() < 0.05:
        SEEN["empty term"] += 1
        return {}
    if random.random() < 0.1:
        SEEN["field"] += 1
        return {"matchFields": [{"key": "metadata.name", "operator": random.choice(("In", "NotIn")), "values": [target.name]}]}
    return {"matchExpressions": [_expression(random, target) for _ in range(random.choice((1, 1, 2)))]}


def _expression(random: Random, target: NodeShape) -> dict[str, Any]:
    operator = random.choice(("In", "In", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
    SEEN[operator] += 1
    if operator in {"Gt", "Lt"}:
        return {"key": "generation", "operator": operator, "values": [random.choice(("3", "4", "5", "7"))]}
    key = random.choice(LABELS)
    if operator in {"Exists", "DoesNotExist"}:
        return {"key": key, "operator": operator}
    known = target.labels.get(key) if random.random() < 0.6 else None
    return {"key": key, "operator": operator, "values": sorted({known or random.choice(VALUES[key]), random.choice(VALUES[key])})}


def agent_manifests(node: NodeShape) -> list[dict[str, Any]]:
    """The pods that the node carries already."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{node.name}-{index}", "namespace": AGENTS},
            "spec": {
                "nodeName": node.name,
                "containers": [
                    {
                        "name": "agent",
                        "image": "image",
                        "resources": {"requests": {name: f"{amount}m" if name == "cpu" else str(amount) for name, amount in each.items()}},
                    }
                ],
            },
        }
        for index, each in enumerate(node.daemons)
    ]
