"""Whether amounts and counts in rendered objects can be reckoned with, object by object and key by key.

Asked before pods are put together from several objects: afterwards nobody could say in which file a bad amount stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.errors import Finding, ManifestError
from tidegate.facts.inventory.readable import shown
from tidegate.facts.models.scaling import MOST_REPLICAS
from tidegate.manifests.fit.amounts import is_quantity
from tidegate.manifests.placed import Fields, Placed, containers, fields, pod_specs

RULE_AMOUNT, RULE_COUNT = "amount-unreadable", "replicas-unreadable"

_AMOUNTS = {"NodePool": ("spec", "limits"), "NodeOverlay": ("spec", "capacity"), "RuntimeClass": ("overhead", "podFixed")}
"""Where kinds without pods keep amounts."""

_SCALED = frozenset({"Deployment", "ReplicaSet", "StatefulSet"})


def require_readable(objects: Sequence[Placed]) -> None:
    """Raises `ManifestError` with every amount and count of `objects` that nobody can reckon with."""
    if findings := list(unreadable_findings(objects)):
        raise ManifestError(findings)


def unreadable_findings(objects: Sequence[Placed]) -> Iterator[Finding]:
    """A finding for each quantity that is none or below zero, and each number of replicas that is none or beyond what facts allow."""
    for placed in objects:
        for path, amounts in _amounts_of(placed):
            for name, value in amounts.items():
                if not is_quantity(value):
                    yield placed.finding(
                        RULE_AMOUNT, f"{path}.{name}", "is no amount of anything", "write a Kubernetes quantity such as 500m or 2Gi",
                        _value(value),
                    )  # fmt: skip
        for path, value in _counts_of(placed):
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_REPLICAS:
                yield placed.finding(
                    RULE_COUNT, path, "is no number of replicas", f"write a whole number from 0 to {MOST_REPLICAS}", _value(value)
                )


def _value(value: object) -> str:
    return shown(value) if value != "" else '""'


def _amounts_of(placed: Placed) -> Iterator[tuple[str, Fields]]:
    for path, container, _pod in containers(placed):
        yield from _of_resources(f"{path}.resources", container)
    for path, pod in pod_specs(placed):
        yield from _of_resources(f"{path}.resources", pod)
        yield f"{path}.overhead", fields(pod.get("overhead"))
    if at := _AMOUNTS.get(placed.kind):
        yield ".".join(at), fields(fields(placed.manifest.get(at[0])).get(at[1]))


def _of_resources(path: str, holder: Fields) -> Iterator[tuple[str, Fields]]:
    resources = fields(holder.get("resources"))
    for key in ("requests", "limits"):
        yield f"{path}.{key}", fields(resources.get(key))


def _counts_of(placed: Placed) -> Iterator[tuple[str, object]]:
    if placed.kind == "InferenceService":
        for path, part in pod_specs(placed):
            yield from ((f"{path}.{key}", part[key]) for key in ("minReplicas", "maxReplicas") if key in part)
    elif placed.kind in _SCALED and "replicas" in placed.spec:
        yield "spec.replicas", placed.spec["replicas"]
