"""Which machines, cards, shares and ways to pay would host a pool's floors and peaks for less.

A share is taken for as good as another when it has as much memory: nothing here knows how fast a model is on it, and each advice says
what somebody has to check before the change. Hot tiers get no spot and no cards in turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from tidegate.errors import ManifestError
from tidegate.facts import names
from tidegate.facts.cluster import SYSTEM_POOL, CapacityType, Cluster, GpuPool, TimeSlicing
from tidegate.facts.money import HOURS_PER_MONTH
from tidegate.facts.nodes.accelerators import Accelerator, AcceleratorShare, Architecture, Share, instance_shapes, share_gib
from tidegate.facts.nodes.node_shapes import CPU_SHAPES, allocatable, shape_of
from tidegate.facts.platform import Platform, cluster_source
from tidegate.facts.prices.tables import PriceTable
from tidegate.manifests.fit.nodes import NodeShape
from tidegate.manifests.fit.packing import PackedNode, WaitingPod, pack
from tidegate.manifests.fit.pools import ARCHITECTURE, CAPACITY_TYPE, INSTANCE_TYPE, Pool, applied_node_pools, cluster_pools
from tidegate.manifests.fit.readable import require_readable
from tidegate.manifests.fit.standing import waiting_pods
from tidegate.manifests.placed import Placed
from tidegate.manifests.tree import RENDER_COMMAND


@dataclass(frozen=True, slots=True)
class Choice:
    """What a pool may be made of, and what its floors and peaks then cost."""

    machines: tuple[str, ...]
    capacity: CapacityType
    card: str
    """`<accelerator> <share>`; empty without a card."""
    floor_nodes: int
    floor_usd_per_month: float
    peak_nodes: int
    peak_usd_per_hour: float
    checks: tuple[str, ...] = ()

    def saves(self, now: Choice) -> bool:
        """Whether floors or peaks cost less than `now` and neither costs more. What hosts them at all is better than what does not."""
        if not now.machines or not self.machines:
            return bool(self.machines)
        pairs = ((self.floor_usd_per_month, now.floor_usd_per_month), (self.peak_usd_per_hour, now.peak_usd_per_hour))
        return all(own <= other for own, other in pairs) and any(own < other for own, other in pairs)


@dataclass(frozen=True, slots=True)
class Advice:
    """One pool: as it is, the cheapest of the same kind, and the cheapest of all; None where nothing is cheaper for floors and peaks."""

    cluster: str
    pool: str
    now: Choice
    same_kind: Choice | None
    any_kind: Choice | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    nodes: tuple[NodeShape, ...]
    resource: str
    card: str
    capacity: CapacityType
    is_same_kind: bool
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A pool and the pods that land in it."""

    cluster: Cluster
    pool: Pool
    floors: Sequence[WaitingPod]
    peaks: Sequence[WaitingPod]
    is_hot: bool
    table: PriceTable

    def choice(self, candidate: _Candidate) -> Choice | None:
        """What it costs; None when a pod has no place or the peak is above the pool's limit."""
        floors, peaks = (self._packed(candidate, pods) for pods in (self.floors, self.peaks))
        if floors is None or peaks is None or not self._is_within_limit(peaks):
            return None
        machines = sorted({node.machine.labels[INSTANCE_TYPE] for node in (*floors, *peaks)})
        return Choice(
            tuple(machines), candidate.capacity, candidate.card, len(floors), round(float(self._usd(floors) * HOURS_PER_MONTH), 2),
            len(peaks), round(float(self._usd(peaks)), 4), candidate.checks,
        )  # fmt: skip

    def _packed(self, candidate: _Candidate, pods: Sequence[WaitingPod]) -> list[PackedNode] | None:
        moved = [replace(pod, needs=replace(pod.needs, requests=_with_resource(pod, candidate.resource))) for pod in pods]
        nodes = pack(moved, [Pool(self.pool.name, candidate.nodes)], self._price)
        return nodes if sum(len(node.pods) for node in nodes) == len(pods) else None

    def _is_within_limit(self, nodes: Sequence[PackedNode]) -> bool:
        shapes = [shape for node in nodes if (shape := shape_of(node.machine.labels[INSTANCE_TYPE]))]
        if gpu_pool := self.cluster.gpu_pools.get(self.pool.name):
            return sum(shape.gpus for shape in shapes) <= gpu_pool.max_gpus
        return sum(shape.vcpus for shape in shapes) <= self.cluster.cpu_pools[self.pool.name].max_cpu

    def _price(self, node: NodeShape) -> Fraction:
        return self.table.require_usd_per_hour(node.labels[INSTANCE_TYPE], CapacityType(node.labels[CAPACITY_TYPE]))

    def _usd(self, nodes: Sequence[PackedNode]) -> Fraction:
        return sum((self._price(node.machine) for node in nodes), Fraction(0))


def advise(platform: Platform, cluster: Cluster, objects: Sequence[Placed], table: PriceTable) -> Iterator[Advice]:
    """One advice for each pool of `cluster` that some pod may land in.

    Raises `ManifestError` naming each amount that cannot be reckoned with and each pool that the facts do not have, `PriceError` for a
    machine of a pool without a price.
    """
    require_readable(objects)
    _require_known_pools(cluster, objects)
    pools = [pool for pool in cluster_pools(cluster, objects) if pool.name != SYSTEM_POOL]
    floors, peaks = (_by_pool(waiting_pods(objects, peak=peak), pools) for peak in (False, True))
    for pool in pools:
        pods = peaks.get(pool.name, [])
        if not pods or not pool.nodes:
            continue
        is_hot = any(platform.tenants[pod.tenant].tier.is_hot for pod in pods if pod.tenant in platform.tenants)
        asked = _Asked(cluster, pool, floors.get(pool.name, []), pods, is_hot, table)
        now, same, every = _cheapest(asked)
        yield Advice(cluster.name, pool.name, now, same, every)


def _cheapest(asked: _Asked) -> tuple[Choice, Choice | None, Choice | None]:
    gpu_pool = asked.cluster.gpu_pools.get(asked.pool.name)
    as_it_is = _Candidate(asked.pool.nodes, "", _card(gpu_pool), _first_capacity(asked), is_same_kind=True, checks=())
    now = asked.choice(as_it_is) or Choice((), as_it_is.capacity, as_it_is.card, 0, 0, 0, 0, ("the peaks are above the pool's limit",))
    candidates = _with_cards(asked, gpu_pool) if gpu_pool else _without_cards(asked)
    found = [(choice, candidate.is_same_kind) for candidate in candidates if (choice := asked.choice(candidate)) and choice.saves(now)]
    same = min((choice for choice, is_same in found if is_same), key=_cost, default=None)
    every = min((choice for choice, _ in found), key=_cost, default=None)
    return now, same, None if every == same else every


def _cost(choice: Choice) -> tuple[float, float, tuple[str, ...]]:
    """Floors first: they are paid for every hour of the month."""
    return choice.floor_usd_per_month, choice.peak_usd_per_hour, choice.machines


def _with_cards(asked: _Asked, pool: GpuPool) -> Iterator[_Candidate]:
    gib = _whole_gib(pool.accelerator, pool.share, _pieces(pool.accelerator, pool.share, pool.sharing))
    models = ", ".join(sorted({f"{pod.tenant}/{pod.model.rpartition('-')[0]}" for pod in asked.peaks}))
    for accelerator, (share, pieces) in ((card, way) for card in Accelerator for way in _ways_to_share(card, asked)):
        if _whole_gib(accelerator, share, pieces) < gib:
            continue
        is_same = (accelerator, share) == (pool.accelerator, pool.share)
        resource = AcceleratorShare(accelerator=accelerator, share=share).resource_name
        for (instance_type, shape), capacity in product(instance_shapes(accelerator).items(), CapacityType):
            if (capacity is CapacityType.SPOT and asked.is_hot) or not asked.table.has(instance_type):
                continue
            checks = [_offered(asked.cluster, instance_type)]
            if not is_same:
                checks.append(f"measure the SLOs of {models} on it, then change their accelerator")
            if share == "time-slice":
                checks.append("models that take turns on a card are not kept out of each other's memory")
            if instance_type.startswith("g6f."):
                checks.append("the node image needs NVIDIA's GRID driver: a part of an L4 is a virtual GPU")
            if capacity is CapacityType.SPOT and CapacityType.SPOT not in pool.capacity_types:
                checks.append(f"{models} must bear two minutes' notice, and say capacity: spot")
            offered = {name: amount for name, amount in allocatable(shape).items() if name != names.RESOURCE_GPU}
            offered[resource] = shape.gpus * pieces
            node = _node(asked.pool.nodes[0], instance_type, capacity, offered)
            yield _Candidate(
                (node,), resource, f"{accelerator} {share}", capacity, is_same and capacity in pool.capacity_types, tuple(checks)
            )


def _ways_to_share(accelerator: Accelerator, asked: _Asked) -> Iterator[tuple[Share, int]]:
    """A share and how many of it a card has."""
    yield "whole", 1
    for profile in accelerator.mig_profiles:
        yield f"mig-{profile}", _pieces(accelerator, f"mig-{profile}", None)
    if not asked.is_hot:
        yield from (("time-slice", turns) for turns in (2, 4))


def _pieces(accelerator: Accelerator, share: Share, sharing: object) -> int:
    return sharing.replicas if isinstance(sharing, TimeSlicing) else round(1 / AcceleratorShare(accelerator=accelerator, share=share).cards)


def _without_cards(asked: _Asked) -> Iterator[_Candidate]:
    pool = asked.cluster.cpu_pools[asked.pool.name]
    capacity = CapacityType(pool.capacity)
    for architecture in Architecture:
        known = [name for name, shape in CPU_SHAPES.items() if shape.architecture is architecture and asked.table.has(name)]
        families = sorted({name.partition(".")[0] for name in known})
        for chosen in (
            *([name] for name in known),
            *([name for name in known if name.startswith(f"{family}.")] for family in families),
            known,
        ):
            is_same = architecture is Architecture.AMD64 or pool.arm64_images
            checks = [_offered(asked.cluster, ",".join(chosen))]
            if not is_same:
                checks.append("build every image of the pool for arm64, then set arm64_images: none of ours is known to be")
            nodes = [_node(asked.pool.nodes[0], name, capacity, allocatable(CPU_SHAPES[name])) for name in chosen]
            yield _Candidate(tuple(nodes), "", "", capacity, is_same, tuple(checks))


def _node(like: NodeShape, instance_type: str, capacity: CapacityType, offered: Mapping[str, int]) -> NodeShape:
    shape = shape_of(instance_type)
    assert shape, "only machines of the tables are candidates"
    labels = {INSTANCE_TYPE: instance_type, CAPACITY_TYPE: capacity.value, ARCHITECTURE: shape.architecture.value}
    return replace(like, name=f"{instance_type}, {capacity.value}", labels={**like.labels, **labels}, allocatable=offered)


def _with_resource(pod: WaitingPod, resource: str) -> Mapping[str, int]:
    """What the pod asks for, its share of a card under the name `resource`; empty leaves all as it is."""
    cards = {name: amount for name, amount in pod.needs.requests.items() if name.startswith("nvidia.com/")}
    if not resource or not cards:
        return pod.needs.requests
    rest = {name: amount for name, amount in pod.needs.requests.items() if name not in cards}
    return {**rest, resource: sum(cards.values())}


def _whole_gib(accelerator: Accelerator, share: Share, pieces: int) -> int:
    """Memory of one share in whole GiB: cards that differ in a few MiB are as good as each other."""
    return round(share_gib(accelerator, share, pieces))


def _card(pool: GpuPool | None) -> str:
    return f"{pool.accelerator} {pool.share}" if pool else ""


def _first_capacity(asked: _Asked) -> CapacityType:
    pool = asked.cluster.gpu_pools.get(asked.pool.name)
    return pool.capacity_types[0] if pool else CapacityType(asked.cluster.cpu_pools[asked.pool.name].capacity)


def _offered(cluster: Cluster, instance_types: str) -> str:
    return (
        f"offered in {cluster.region}? aws ec2 describe-instance-type-offerings --region {cluster.region} --location-type availability-zone "
        f"--filters Name=instance-type,Values={instance_types}"
    )


def _require_known_pools(cluster: Cluster, objects: Sequence[Placed]) -> None:
    known = {*cluster.gpu_pools, *cluster.cpu_pools}
    if findings := [
        placed.finding(
            "pool-not-in-facts", "metadata.name", f"{cluster_source(cluster.name)} has no such pool", f"run `{RENDER_COMMAND}`", name
        )
        for name, placed in applied_node_pools(cluster, objects).items()
        if name not in known
    ]:
        raise ManifestError(findings)


def _by_pool(pods: Sequence[WaitingPod], pools: Sequence[Pool]) -> dict[str, list[WaitingPod]]:
    found: dict[str, list[WaitingPod]] = {}
    for node in pack(pods, pools, lambda _node: Fraction(0)):
        found.setdefault(node.pool, []).extend(node.pods)
    return found
