"""Whether what a tenant asks for has room: weights on their card, floors and a release in the quota, ceilings too."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tidegate.errors import Finding
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import ReplicaResources
from tidegate.facts.numerals import decimal
from tidegate.facts.tenant import Tenant, replica_parts

SURGE = 0.25
"""The share of a Deployment's pods that a rolling update starts beside them, rounded up (KServe, pkg/controller/v1beta1/
inferenceservice/reconcilers/deployment). Knative instead starts a whole second revision."""


@dataclass(frozen=True, slots=True)
class _Resource:
    """One thing that a quota limits: its field, how many of our steps are one unit of the file, and what is allowed in steps."""

    field: str
    steps_per_unit: int
    allowed: int

    def shown(self, steps: int) -> str:
        """An amount as the file writes it."""
        return decimal(steps / self.steps_per_unit)


_ACCELERATOR = "accelerators."


def room_findings(source: str, tenant: Tenant, turns: Mapping[str, int]) -> Iterator[Finding]:
    """Where a tenant's models do not fit its quota or their cards; `turns`, by model, is how many pods share a card in turns at the most."""
    yield from _weights_findings(source, tenant, turns)
    floors = {name: _floor(model) for name, model in tenant.models.items()}
    surges = {name: _surge(model) for name, model in tenant.models.items()}
    for resource in _resources(tenant):
        needed = sum(floor.get(resource.field, 0) for floor in floors.values())
        model, surge = max(((name, one.get(resource.field, 0)) for name, one in surges.items()), key=lambda one: one[1])
        at, found = f"quota.{resource.field}", resource.shown(resource.allowed)
        if needed > resource.allowed and resource.field.startswith(_ACCELERATOR):
            what = resource.field.removeprefix(_ACCELERATOR)
            problem = f"the models need {needed} of {what} to answer at all"
            remedy = f"add {what}: {needed + surge}, which a release needs"
            yield Finding(source, at, "quota-below-accelerators", problem, remedy, found)
        elif needed > resource.allowed:
            problem = f"the floors of all models with their sidecars need {resource.shown(needed)}"
            remedy = f"raise it to {resource.shown(needed + surge)} (which a release needs) or lower floors"
            yield Finding(source, at, "quota-below-floors", problem, remedy, found)
        elif needed + surge > resource.allowed:
            problem = f"the floors need {resource.shown(needed)} and a release of {model} {resource.shown(surge)} more beside them"
            remedy = f"raise it to {resource.shown(needed + surge)} or lower floors"
            yield Finding(source, at, "quota-without-release", problem, remedy, found)


def room_warnings(source: str, tenant: Tenant) -> Iterator[Finding]:
    """Ceilings that can never be reached: the quota ends before, even when every other model is at its floor. No reason to refuse."""
    floors = {name: _floor(model) for name, model in tenant.models.items()}
    for name, model in tenant.models.items():
        one, own = _replica(model), _floor_of_predictor(model)
        rooms: list[tuple[int, str]] = []
        for resource in _resources(tenant):
            if each := one.get(resource.field, 0):
                others = sum(floor.get(resource.field, 0) for floor in floors.values()) - own.get(resource.field, 0)
                rooms.append(((resource.allowed - others) // each, resource.field))
        room, field = min(rooms)
        if room < model.scaling.max_replicas:
            yield Finding(
                source, f"models.{name}.scaling.max_replicas", "ceiling-above-quota", f"quota.{field} has room for {room} replicas",
                "raise the quota or lower max_replicas", str(model.scaling.max_replicas),
            )  # fmt: skip


def ceiling_findings(source: str, tenant: Tenant) -> Iterator[Finding]:
    """Where all models at their ceilings are above the quota: whoever grows last is refused pods. The quota gate holds it, `check` does not."""
    for resource in _resources(tenant):
        needed = sum(_ceiling(model).get(resource.field, 0) for model in tenant.models.values())
        if needed > resource.allowed:
            yield Finding(
                source, f"quota.{resource.field}", "ceilings-above-quota", f"all models at max_replicas need {resource.shown(needed)}",
                f"raise it to {resource.shown(needed)} or lower max_replicas", resource.shown(resource.allowed),
            )  # fmt: skip


def _weights_findings(source: str, tenant: Tenant, turns: Mapping[str, int]) -> Iterator[Finding]:
    for name, model in tenant.models.items():
        for named in model.named_artefacts():
            size = named.artefact.size_gib
            if size is None or model.dense_pool:  # a pool holds its artefact on disk
                continue
            at, found = f"models.{name}.{named.path}.size_gib", decimal(size)
            if card := model.accelerator:
                if size > (room := card.weights_gib(turns[name])):
                    problem = f"{card.count} x {card.accelerator} {card.share} has room for {decimal(room)} GiB of weights"
                    yield Finding(source, at, "weights-above-memory", problem, "choose larger cards or shares, or more cards", found)
            elif size >= model.resources.memory_gib:
                problem = f"leaves the server nothing of a replica's {decimal(model.resources.memory_gib)} GiB of memory"
                yield Finding(source, at, "weights-above-memory", problem, "raise resources.memory_gib", found)


def _resources(tenant: Tenant) -> Iterator[_Resource]:
    """In thousandths of a core and in MiB: sums of fractions would be off in the last digit."""
    yield _Resource("cpu", 1000, round(tenant.quota.cpu * 1000))
    yield _Resource("memory_gib", 1024, round(tenant.quota.memory_gib * 1024))
    yield _Resource("pods", 1, tenant.quota.pods)
    for name in sorted({model.accelerator.resource_name for model in tenant.models.values() if model.accelerator}):
        yield _Resource(f"{_ACCELERATOR}{name}", 1, tenant.quota.accelerators.get(name, 0))


def _replica(model: ServedModel) -> dict[str, int]:
    """One replica of the predictor, which alone has cards."""
    _, _, resources = replica_parts(model)[0]
    return _times(1, resources, model, cards=1)


def _floor_of_predictor(model: ServedModel) -> dict[str, int]:
    low, _, resources = replica_parts(model)[0]
    return _times(low, resources, model, cards=max(low, 1))


def _floor(model: ServedModel) -> dict[str, int]:
    """What the model keeps, by field of the quota; of cards at least one replica, without which it answers nobody."""
    return _all_parts(model, lambda low: low, cards=max(model.scaling.min_replicas, 1))


def _surge(model: ServedModel) -> dict[str, int]:
    """What a release runs beside it: in Knative mode all replicas of a second revision, and one of a part that is at zero."""
    if model.scaling.mode == "standard":
        return _all_parts(model, _share, cards=_share(model.scaling.min_replicas))
    return _all_parts(model, lambda low: max(low, 1), cards=max(model.scaling.min_replicas, 1))


def _ceiling(model: ServedModel) -> dict[str, int]:
    found: Counter[str] = Counter()
    for number, (_low, high, resources) in enumerate(replica_parts(model)):
        found.update(_times(high, resources, model, cards=0 if number else high))
    return dict(found)


def _share(replicas: int) -> int:
    return math.ceil(SURGE * replicas)


def _all_parts(model: ServedModel, pods_of: Callable[[int], int], *, cards: int) -> dict[str, int]:
    found: Counter[str] = Counter()
    for number, (low, _high, resources) in enumerate(replica_parts(model)):
        found.update(_times(pods_of(low), resources, model, cards=0 if number else cards))
    return dict(found)


def _times(pods: int, resources: ReplicaResources, model: ServedModel, *, cards: int) -> dict[str, int]:
    found = {"cpu": pods * round(resources.cpu * 1000), "memory_gib": pods * round(resources.memory_gib * 1024), "pods": pods}
    if model.accelerator and cards:
        found[f"{_ACCELERATOR}{model.accelerator.resource_name}"] = cards * model.accelerator.count
    return found
