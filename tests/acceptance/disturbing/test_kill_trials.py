"""Two trials like those of `make soak`, early ones: whatever is killed at whatever moment, taking the regions down leaves no trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.measure.soak.kill_trial import fit, run_trial

# On a platform of its own, which no region of ours knows of.
pytestmark = [pytest.mark.timeout(400), pytest.mark.touches(regions=[])]


@pytest.mark.parametrize("seed", [39, 25], ids=["the-bring-up", "a-part"])
def test_nothing_is_left_after_a_kill(seed: int, tmp_path: Path) -> None:
    if lacking := fit():
        pytest.skip("; ".join(lacking))
    trial = run_trial(seed, tmp_path)
    assert trial.left_over == (), f"{trial.victim} killed after {trial.after_seconds} s"
