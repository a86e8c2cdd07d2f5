"""Which gates a change needs, each with why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.facts.fact import Fact
from tidegate.facts.platform import Platform
from tidegate.gates.change.difference import Change
from tidegate.gates.change.kinds import GATES, Kind
from tidegate.gates.names import ORDER, SCALE, STATIC


class Picked(Fact):
    """One gate to run: on everything that changed, or on one model."""

    gate: str
    subject: str = ""
    """`<tenant>/<model>` for a gate that asks a candidate; empty for one that reads files."""
    because: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.gate} {self.subject}".strip()


def pick(changes: Sequence[Change], after: Platform | None) -> tuple[Picked, ...]:
    """The gates for `changes` in order of cost; `after` says which models there are, None when its facts cannot be read.

    None are picked for no change. A model that nobody serves any more is asked nothing. Capacity of one with a fixed number of replicas, or
    one that is scaled on CPU (standard mode), is promised to nobody, so it needs no scale gate.
    """
    because: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        needed = GATES[change.kind]
        subjects = list(_models(change, after))
        for gate in needed:
            for subject in ("",) if gate in STATIC else _asked(gate, subjects, after):
                because.setdefault((gate, subject), []).append(str(change))
    found = [Picked(gate=gate, subject=subject, because=tuple(dict.fromkeys(why))) for (gate, subject), why in because.items()]
    return tuple(sorted(found, key=lambda one: (ORDER.index(one.gate), one.subject)))


def _asked(gate: str, subjects: Sequence[str], after: Platform | None) -> Iterator[str]:
    for subject in subjects:
        tenant, _, model = subject.partition("/")
        if gate != SCALE or after is None or after.tenants[tenant].models[model].scaling.follows_requests:
            yield subject


def judged_models(changes: Sequence[Change], after: Platform | None) -> tuple[str, ...]:
    """Every `<tenant>/<model>` that a change is about and that is served after it."""
    return tuple(sorted({subject for change in changes for subject in _models(change, after)}))


def _models(change: Change, after: Platform | None) -> Iterator[str]:
    if after is None or change.kind is Kind.REMOVED:
        return
    for name, tenant in sorted(after.tenants.items()):
        if change.tenant in {"", name}:
            yield from (f"{name}/{model}" for model in sorted(tenant.models) if change.model in {"", model})
