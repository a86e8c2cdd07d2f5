"""Rules dealt out over as many AuthorizationPolicies as Istio's limit asks for: what one of them allows is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clusters.objects.istio import Rule

RULES_MAX = 512
"""The most rules of one AuthorizationPolicy (`maxItems` in Istio 1.31's definition)."""


def shares(name: str, rules: Sequence[Rule]) -> Iterator[tuple[str, list[Rule]]]:
    """(name, rules) of each policy: the first is called `name`, the others `<name>-2` and so on. Without rules there is one, empty."""
    for number, start in enumerate(range(0, max(len(rules), 1), RULES_MAX), start=1):
        yield (name if number == 1 else f"{name}-{number}"), list(rules[start : start + RULES_MAX])
