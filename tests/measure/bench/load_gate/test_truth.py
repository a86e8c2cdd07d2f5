"""The arithmetic of `load_gate`: what is true of a server that stands still, and which runs count as wrong."""

from __future__ import annotations

import pytest

from loadtests.recording import Recorded
from tests.loadtests.recordings import part
from tests.loadtests.servers import drawn_seconds
from tests.measure.bench.load_gate.entry import LATENCIES
from tests.measure.bench.load_gate.truth import figures, quantile, run_entry, through_freeze
from tidegate.gates.verdict import Outcome, Reason, Verdict

VALID = Verdict("load", (Reason(Outcome.PASS, "known", "holds"),))
REFUSED = Verdict("load", (Reason(Outcome.INVALID, "known", "the generator was late"),))


def recorded(*milliseconds: float) -> Recorded:
    found = Recorded()
    found.add(part("known", milliseconds))
    return found


def test_requests_before_within_and_after_a_standstill() -> None:
    arrivals = [0.0, 0.95, 1.0, 1.5, 1.99, 2.0]
    assert through_freeze(arrivals, [0.1] * 6, 1.0, 1.0) == pytest.approx([0.1, 1.05, 1.1, 0.6, 0.11, 0.1])


def test_a_second_of_standstill_in_a_minute_is_in_the_p99() -> None:
    arrivals = [number / 100 for number in range(6000)]
    found = through_freeze(arrivals, [0.01] * 6000, 30.0, 1.0)
    assert quantile(found) == pytest.approx(0.41, abs=0.02), "0.6 in a hundred waited longer"


@pytest.mark.parametrize("name", LATENCIES)
def test_p99_of_a_distribution_is_the_limit_of_its_runs(name: str) -> None:
    limit, latency = LATENCIES[name]
    assert 1000 * quantile(drawn_seconds({"latency": latency, "seed": 7}, 100_000)) == pytest.approx(limit, rel=0.03)


def test_error_is_that_of_valid_runs_and_a_wrong_one_is_named() -> None:
    near = run_entry("a", 200, 100, VALID, recorded(*[105.0] * 100))
    far = run_entry("b", 1000, 100, VALID, recorded(*[120.0] * 100))
    late = run_entry("c", 2000, 100, REFUSED, recorded(*[900.0] * 100))
    lost = run_entry("d", 2000, 100, REFUSED, None)
    assert (near["p99_error"], far["p99_error"], late["invalid"], "p99_ms" in lost) == (0.05, 0.2, "the generator was late", False)
    assert figures([near, late, lost]) == {"p99_error": 0.05, "rate": 200, "invalid": 2, "wrong": []}
    assert figures([near, far])["wrong"] == [far]
    assert figures([late])["p99_error"] is None


def test_valid_run_without_an_answer_is_wrong() -> None:
    nothing = run_entry("a", 200, 100, VALID, Recorded())
    assert figures([nothing])["wrong"] == [nothing]
