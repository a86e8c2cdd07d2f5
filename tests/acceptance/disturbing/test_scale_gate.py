"""Replicas follow demand, and a version that may not have enough of them is refused; four minutes each, so in `make soak` only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.judged_change import RecordProperty, command, judged, left
from tests.acceptance.pull_request import propose, publish
from tests.acceptance.running_platform import Running
from tidegate.checkout import Checkout
from tidegate.gates.scale.figures import phases_of
from tidegate.gates.verdict import combined

REGION, MODEL = "live-1", "fraud/scorer"

pytestmark = [pytest.mark.timeout(1300), pytest.mark.soak, pytest.mark.touches(regions=[REGION], tenant="fraud")]


def test_scale_gate_of_a_change_shows_what_followed(
    platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty
) -> None:
    found = judged(propose(copy, MODEL, 2, publish(f"{MODEL}/2", f"{MODEL}/2")), REGION, tmp_path / "kept", record_property)
    load, scale = found.verdict("load"), found.verdict("scale")
    record_property("scale", scale.lines())
    assert found.manifest.outcome is combined([load, scale])
    quarter, whole, fourfold = phases_of(found.scale_samples())
    assert (quarter.enough, whole.enough, fourfold.enough) == (1, 2, 5), scale.lines()
    # How soon servers start is the machine's business; that somebody asked for them is the platform's.
    assert whole.wanted is not None, scale.lines()
    assert fourfold.wanted is not None, scale.lines()
    assert sum("(computed, not run)" in note for note in scale.notes) == 2, scale.lines()
    assert any(name.startswith("scale") and name.endswith("timeline.svg") for name in found.manifest.files)
    assert left(platform, REGION) == []


def test_replicas_follow_demand_and_a_ceiling_of_one_is_refused(platform: Running, tmp_path: Path, record_property: RecordProperty) -> None:
    code, said = command("scale", MODEL, "--version", "2", "--region", REGION, "--samples", str(tmp_path / "samples.json"))
    record_property("followed", said)
    assert code == 0, "\n".join(said)
    again, told = command("scale", "--judge", str(tmp_path / "samples.json"))
    assert (again, told) == (0, said[-len(told) :])
    code, said = command("scale", MODEL, "--version", "2", "--region", REGION, "--max-replicas", "1")
    record_property("ceiling of one", said)
    assert code in {1, 4}, "\n".join(said)  # one replica may be too slow for a quarter of the rate beside other work
    assert sum("and max_replicas is 1; raise it, or requests_per_second_target" in line for line in said) == 2, "\n".join(said)
    assert left(platform, REGION) == []
