"""What samples of the scale gate look like: the rate, the replicas beside what was enough, and the share of slow answers, over time."""

from __future__ import annotations

from tidegate.facts.numerals import decimal
from tidegate.gates.evidence.pictures.data import Panel, Timeline
from tidegate.gates.scale.figures import hpa_replicas, is_slow, per_second, phases_of, run_seconds
from tidegate.gates.scale.samples import ScaleSamples

_EACH_SECONDS = 5
"""For so long together answers are counted."""


def picture_of(samples: ScaleSamples) -> Timeline:
    """One picture with three panels. What an HPA on CPU would have asked for is computed."""
    end = run_seconds(samples)
    floor = samples.profile.min_replicas.value
    return Timeline(
        title="Replicas while the rate rises in steps", seconds=end,
        panels=(
            Panel(figure="requests per second", lines={"rate": _rate(samples)}),
            Panel(
                figure="replicas",
                lines={
                    "enough": tuple((phase.begin, float(phase.enough)) for phase in phases_of(samples)),
                    "HPA on CPU would ask for (computed)": (
                        (0.0, float(floor)), *((float(second), float(count)) for second, count in hpa_replicas(samples)),
                    ),
                    "ready": tuple((max(0.0, one.seconds), float(one.ready)) for one in samples.looks if one.seconds <= end),
                },
            ),
            Panel(
                figure=f"% above {decimal(samples.limit_ms)} ms", lines={"slow": _slow(samples)}, limit=100 * samples.profile.slow_share.value
            ),
        ),
    )  # fmt: skip


def _rate(samples: ScaleSamples) -> tuple[tuple[float, float], ...]:
    counts = per_second(samples)
    parts = [counts[at : at + _EACH_SECONDS] for at in range(0, len(counts), _EACH_SECONDS)]
    return tuple((float(number * _EACH_SECONDS), sum(part) / len(part)) for number, part in enumerate(parts))


def _slow(samples: ScaleSamples) -> tuple[tuple[float, float], ...]:
    due: dict[int, int] = {}
    slow: dict[int, int] = {}
    for one in samples.sent.requests:
        at = int(one.due // _EACH_SECONDS)
        due[at] = due.get(at, 0) + 1
        slow[at] = slow.get(at, 0) + is_slow(samples, one)
    return tuple((float(at * _EACH_SECONDS), 100 * slow[at] / due[at]) for at in sorted(due))
