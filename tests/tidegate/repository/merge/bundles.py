"""Bundles made by hand, of results that nobody measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtests.gates import judge as judge_load
from tests.loadtests.recordings import part, recording
from tests.root import ROOT
from tests.tidegate.repository.merge.judging import change_in
from tidegate.gates import static
from tidegate.gates.change.picking import Picked
from tidegate.gates.evidence.manifest import Machine, Manifest
from tidegate.gates.merge import GateResult, State
from tidegate.gates.static import Looked, StaticSamples
from tidegate.gates.verdict import Outcome, Reason, Verdict
from tidegate.repository.merge.bundle import write_bundle

NOON = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)
MACHINE = Machine(system="Linux", processors=2, memory_gib=8.0)


def static_result(gate: str = "policy", *, things: int = 3, **samples: Any) -> GateResult:
    measured = StaticSamples(gate=gate, looked=(Looked(subject="live-1", things=things, what="objects"),), **samples)
    return GateResult(
        Picked(gate=gate, because=("fraud/scorer: version",)), State.JUDGED, static.judge(measured), measured.model_dump_json().encode()
    )


def load_result(milliseconds: Sequence[float] = (20.0,) * 1000) -> GateResult:
    measured = recording(part("fraud/scorer", milliseconds))
    picked = Picked(gate="load", subject="fraud/scorer", because=("fraud/scorer: version",))
    return GateResult(picked, State.JUDGED, judge_load(measured), measured.model_dump_json().encode(), seconds=61.26)


def unjudged(gate: str, state: State = State.NOT_EXECUTED) -> GateResult:
    reason = Reason(Outcome.INCONCLUSIVE, "scoring/batch", f"{state}: needs a card")
    return GateResult(Picked(gate=gate, subject="scoring/batch", because=("x",)), state, Verdict(gate, (reason,)))


def write(folder: Path, *results: GateResult, signer: Any = None, **options: Any) -> tuple[Path, Manifest]:
    facts: dict[str, Any] = {"notes": ("a note",), "made_at": NOON, "machine": MACHINE, "signer": signer}
    return write_bundle(folder, change_in(ROOT), results, **(facts | options))
