"""Labels that a pod wants of its node, and taints that it bears."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidegate.manifests.placed import Fields, fields, fields_in, items

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
"""As many digits as the 64 bits have that the API server compares."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One condition on a label: `operator` is Kubernetes' word, `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt` or `Lt`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels will do. An operator that nobody knows never holds."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compares(value)
            case _:
                return False

    def _compares(self, value: str | None) -> bool:
        if value is None or len(self.values) != 1 or not _INTEGER.fullmatch(value) or not _INTEGER.fullmatch(self.values[0]):
            return False
        return int(value) > int(self.values[0]) if self.operator == "Gt" else int(value) < int(self.values[0])

    def __str__(self) -> str:
        wanted = ", ".join(self.values)
        return f"{self.key} {self.operator}" + (f" [{wanted}]" if wanted else "")


@dataclass(frozen=True, slots=True)
class Term:
    """Conditions that must all hold; one without any holds nowhere."""

    expressions: tuple[Expression, ...] = ()
    names: tuple[Expression, ...] = ()
    """About the node's name (`matchFields`), under the key `metadata.name`."""

    def holds(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether the node `name` with these labels will do."""
        if not self.expressions and not self.names:
            return False
        about_name = {"metadata.name": name}
        return all(one.holds(labels) for one in self.expressions) and all(one.holds(about_name) for one in self.names)


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node; `PreferNoSchedule` is a wish and keeps nobody off."""

    key: str
    value: str
    effect: str

    @property
    def keeps_off(self) -> bool:
        """Whether a pod that does not bear it is refused."""
        return self.effect in {"NoSchedule", "NoExecute"}

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@dataclass(frozen=True, slots=True)
class Toleration:
    """What a pod bears; an empty key or effect stands for all of them."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def bears(self, taint: Taint) -> bool:
        """Whether `taint` does not keep the pod off."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        return self.operator == "Exists" or (self.operator == "Equal" and self.value == taint.value)


def read_expressions(value: object) -> tuple[Expression, ...]:
    """Of `matchExpressions`, `matchFields` or a NodePool's `requirements`."""
    return tuple(
        Expression(str(each.get("key", "")), str(each.get("operator", "")), tuple(str(one) for one in items(each.get("values"))))
        for _, each in fields_in(value)
    )


def read_terms(pod: Fields) -> tuple[Term, ...] | None:
    """The node affinity that a pod insists on, one of which must hold; None when it insists on nothing."""
    required = fields(fields(pod.get("affinity")).get("nodeAffinity")).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return None
    return tuple(
        Term(read_expressions(term.get("matchExpressions")), read_expressions(term.get("matchFields")))
        for _, term in fields_in(fields(required).get("nodeSelectorTerms"))
    )


def read_taints(value: object) -> tuple[Taint, ...]:
    """Of a node or a NodePool's template."""
    return tuple(Taint(str(each.get("key", "")), str(each.get("value", "")), str(each.get("effect", ""))) for _, each in fields_in(value))


def read_tolerations(value: object) -> tuple[Toleration, ...]:
    """Of a pod."""
    return tuple(
        Toleration(
            str(each.get("key", "")), str(each.get("operator") or "Equal"), str(each.get("value", "")), str(each.get("effect", ""))
        )
        for _, each in fields_in(value)
    )  # fmt: skip


def text_map(value: object) -> dict[str, str]:
    """Labels or a node selector."""
    return {key: str(one) for key, one in fields(value).items()}


def first_broken(term: Term, name: str, labels: Mapping[str, str]) -> Sequence[Expression]:
    """The conditions of `term` that the node does not meet."""
    about_name = {"metadata.name": name}
    return [*(one for one in term.expressions if not one.holds(labels)), *(one for one in term.names if not one.holds(about_name))]
