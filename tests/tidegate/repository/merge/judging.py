"""Runs static gates on a change that is made up, one gate at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tidegate.checkout import Checkout
from tidegate.errors import Finding, UsageError
from tidegate.facts.inventory import load_folder_findings
from tidegate.facts.platform import Platform
from tidegate.gates.change.difference import Change
from tidegate.gates.change.kinds import Kind
from tidegate.gates.change.picking import Picked, pick
from tidegate.gates.merge import GateResult, run_gates
from tidegate.gates.names import STATIC
from tidegate.repository.merge.changes import PullRequest, Tree
from tidegate.repository.merge.git import Ends
from tidegate.repository.merge.static_gates import StaticGates
from tidegate.signing import review

CHANGE = Change(kind=Kind.VERSION, tenant="fraud", model="scorer", what="1 -> 2")


def verified(models: Collection[str]) -> Iterable[tuple[str, Sequence[review.Checked]]]:
    yield "trained", [review.Checked(one, "0" * 64, "fraud-release", 1, 1) for one in models]
    yield "elsewhere", []


def change_in(root: Path, *changes: Change) -> PullRequest:
    platform, findings = _facts_of(root)
    ends = Ends("0" * 40, "1" * 40, is_working_tree=True, uncommitted=())
    found = changes or (CHANGE,)
    return PullRequest(
        Checkout(root), ends, (), found, pick(found, platform), Tree(Checkout(root), platform, tuple(findings), {}), "f" * 64
    )


@cache
def _facts_of(root: Path) -> tuple[Platform | None, list[Finding]]:
    return load_folder_findings(root)


def run(change: PullRequest, verify: Any = verified, picked: Sequence[str] = STATIC) -> dict[str, GateResult]:
    gates = StaticGates(change, verify, lambda _what, _happened: None).gates()
    found: dict[str, GateResult] = {}
    for gate in picked:  # one by one, so that a failure does not spare the others
        (found[gate],) = run_gates([Picked(gate=gate, because=("x",))], gates, lambda _what, _happened: None, lambda: 0.0)
    return found


def said(result: GateResult) -> str:
    return "\n".join(result.verdict.lines())


def nothing(*_arguments: object) -> list[object]:
    return []


def unknown(*_arguments: object) -> object:
    raise UsageError("0000 is no revision; name another")
