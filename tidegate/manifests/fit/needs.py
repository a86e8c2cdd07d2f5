"""What a pod needs of a node, read from its specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from tidegate.manifests.fit.amounts import Amounts, read_quantity, rounded
from tidegate.manifests.fit.selectors import Term, Toleration, read_terms, read_tolerations, text_map
from tidegate.manifests.placed import Fields, fields, fields_in, items

_OF_THE_POD = frozenset({"cpu", "memory"})
"""Resources that a pod may state for all its containers together (`spec.resources`); of huge pages we run none."""


@dataclass(frozen=True, slots=True)
class PodNeeds:
    """What the scheduler asks of a node before it places a pod there."""

    requests: Amounts = field(default_factory=dict[str, int])
    selector: Mapping[str, str] = field(default_factory=dict[str, str])
    terms: tuple[Term, ...] | None = None
    """One of these must hold; None asks for nothing."""
    tolerations: tuple[Toleration, ...] = ()
    topology_keys: tuple[str, ...] = ()
    """Labels that a node must carry, whatever their value, because the pod insists on being spread over, or kept in, them."""


def read_needs(pod: Fields, overhead: Fields | None = None) -> PodNeeds:
    """The needs of a pod with specification `pod`; `overhead` is its RuntimeClass's where the pod does not state it.

    Raises `ValueError` naming a quantity that cannot be read.
    """
    return PodNeeds(
        requests=rounded(_requests(pod, overhead or {})),
        selector=text_map(pod.get("nodeSelector")),
        terms=read_terms(pod),
        tolerations=read_tolerations(pod.get("tolerations")),
        topology_keys=_topology_keys(pod),
    )


def _requests(pod: Fields, overhead: Fields) -> dict[str, Fraction]:
    """Containers and sidecars together, or the neediest moment of the start if that is more; then what the pod costs by itself."""
    total: dict[str, Fraction] = {}
    for _, container in fields_in(pod.get("containers")):
        _add(total, _container(container))
    sidecars: dict[str, Fraction] = {}
    start: dict[str, Fraction] = {}
    for _, container in fields_in(pod.get("initContainers")):
        own = _container(container)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            own = sidecars
        else:
            _add(own, sidecars)
        for name, value in own.items():
            start[name] = max(value, start.get(name, value))
    for name, value in start.items():
        total[name] = max(value, total.get(name, value))
    total |= _stated_for_the_pod(pod, total)
    _add(total, _read(pod.get("overhead") or overhead))
    return total


def _container(container: Fields) -> dict[str, Fraction]:
    """Requests, and limits where there is no request: the API server fills them in so."""
    resources = fields(container.get("resources"))
    return {**_read(resources.get("limits")), **_read(resources.get("requests"))}


def _stated_for_the_pod(pod: Fields, of_containers: Mapping[str, Fraction]) -> dict[str, Fraction]:
    stated = fields(pod.get("resources"))
    requests, limits = _read(stated.get("requests")), _read(stated.get("limits"))
    defaults = {name: of_containers.get(name, limit) for name, limit in limits.items()}
    return {name: value for name, value in {**defaults, **requests}.items() if name in _OF_THE_POD}


def _topology_keys(pod: Fields) -> tuple[str, ...]:
    spread = {
        str(each.get("topologyKey", ""))
        for _, each in fields_in(pod.get("topologySpreadConstraints"))
        if each.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"
    }
    together = fields(fields(pod.get("affinity")).get("podAffinity")).get("requiredDuringSchedulingIgnoredDuringExecution")
    return tuple(sorted(spread | {str(fields(each).get("topologyKey", "")) for each in items(together)}))


def _read(value: object) -> dict[str, Fraction]:
    return {name: read_quantity(quantity) for name, quantity in fields(value).items()}


def _add(total: dict[str, Fraction], more: Mapping[str, Fraction]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, Fraction(0)) + value
