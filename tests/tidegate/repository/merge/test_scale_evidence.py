"""Every gate has who judges its samples again, and the scale gate's are drawn."""

from __future__ import annotations

import pytest

from tests.root import ROOT
from tests.tidegate.gates.scale.runs import looks, run
from tidegate.checkout import Checkout
from tidegate.gates.change.picking import Picked
from tidegate.gates.merge import GateResult, State
from tidegate.gates.names import ORDER, SCALE
from tidegate.gates.scale.judge import judge
from tidegate.gates.verdict import Outcome
from tidegate.repository.merge.judges import JUDGES
from tidegate.repository.merge.painters import paint

CHECKOUT = Checkout(ROOT)


def test_every_gate_has_a_judge() -> None:
    assert JUDGES.keys() == set(ORDER)


def test_samples_of_the_scale_gate_are_judged_again_and_another_ceiling_is_another_verdict() -> None:
    samples = run()
    again = JUDGES[SCALE](CHECKOUT, samples.model_dump_json().encode())
    assert again == judge(samples)
    lower = samples.model_copy(update={"max_replicas": 1, "looks": looks(1000, 1000)})
    assert JUDGES[SCALE](CHECKOUT, lower.model_dump_json().encode()).outcome is Outcome.FAIL
    with pytest.raises(ValueError, match="max_replicas"):
        JUDGES[SCALE](CHECKOUT, samples.model_dump_json().replace('"max_replicas":5', '"max_replicas":0').encode())


def test_samples_of_the_scale_gate_are_drawn() -> None:
    samples = run()
    picked = Picked(gate=SCALE, subject="fraud/scorer", because=("x",))
    results = [
        GateResult(picked, State.JUDGED, judge(samples), samples.model_dump_json().encode()),
        GateResult(picked, State.JUDGED, judge(samples), b"{}"),
    ]
    drawn = paint(CHECKOUT, results)
    ((name, (shown, content)),) = drawn.items()
    assert name.startswith("scale")
    assert name.endswith("-1-timeline.svg")
    assert shown == "scale fraud/scorer: Replicas while the rate rises in steps"
    assert content.startswith(b"<svg")
