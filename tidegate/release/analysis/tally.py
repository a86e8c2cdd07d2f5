"""Counters of several pods, which restart, become counts of one revision since a moment, which never fall.

A look that cannot be believed leaves the tally as it was: the next one that can brings what was missed. A pod that is met for the first time counts
from then on, or from its start where that is known to be later than the tally's. What a pod counted stays when it is gone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tidegate.release.analysis.counts import Counts, Hold, Share
from tidegate.release.analysis.readings import Counter, PodReading, Wanted, doubts, edge, whole_number

_Key = tuple[Counter, str]


@dataclass(frozen=True, slots=True)
class _Pod:
    """What a pod said last, and what it counted since it was met, restarts included."""

    started_seconds: float | None
    last: Mapping[_Key, int]
    counted: Mapping[_Key, int] = field(default_factory=dict[_Key, int])


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of one revision since `began_seconds`, by the server's clock."""

    began_seconds: float
    pods: Mapping[str, _Pod] = field(default_factory=dict[str, _Pod])


@dataclass(frozen=True, slots=True)
class Taken:
    """A look: the tally after it, what was counted where that is known, and why it is not where it is not."""

    tally: Tally
    counts: Counts | None
    holds: tuple[Hold, ...] = ()


def take(tally: Tally, wanted: Wanted, readings: Iterable[PodReading], now_seconds: float) -> Taken:
    """Adds one look to the tally."""
    looked = list(readings)
    holds = [hold for reading in looked for hold in doubts(reading, wanted, now_seconds)]
    holds += _doubts_of_pods(wanted, looked)
    if holds:
        return Taken(tally, None, tuple(holds))
    pods, restarts = dict(tally.pods), list[Hold]()
    for reading in looked:
        values = {(sample.counter, sample.key): whole_number(sample.value) or 0 for sample in reading.samples}
        known = pods.get(reading.pod)
        if known is None:
            pods[reading.pod] = _met(reading, values, tally.began_seconds)
            continue
        fell = sorted(" ".join(key).rstrip() for key, value in known.last.items() if values.get(key, 0) < value)
        if known.started_seconds == reading.started_seconds is not None and fell:
            text = f"{', '.join(fell)} went back though its process did not restart; see what its program exports"
            return Taken(tally, None, (Hold("went-back", f"pod {reading.pod}", text),))
        restarted = bool(fell) or known.started_seconds != reading.started_seconds
        before: Mapping[_Key, int] = {} if restarted else known.last
        counted = {key: known.counted.get(key, 0) + value - before.get(key, 0) for key, value in values.items()}
        pods[reading.pod] = replace(known, started_seconds=reading.started_seconds, last=values, counted={**known.counted, **counted})
        if restarted:
            restarts.append(
                Hold(
                    "restarted", f"pod {reading.pod}", "its counters began again; what it counted last before is lost, the next look counts"
                )
            )
    after = replace(tally, pods=pods)
    if restarts:
        return Taken(after, None, tuple(restarts))
    return _totals(after, wanted)


def _doubts_of_pods(wanted: Wanted, looked: list[PodReading]) -> list[Hold]:
    names = [reading.pod for reading in looked]
    subject = f"revision {wanted.labels.revision}"
    found = [
        Hold("several-series", f"pod {name}", "it was read twice; read each once") for name in sorted(set(names)) if names.count(name) > 1
    ]
    if not wanted.pods:
        found.append(Hold("no-pods", subject, "it has no pod that is ready; see why it does not start"))
    found += [
        Hold("missing-pod", f"pod {name}", "it is ready and could not be read; see whether it answers on its metrics port")
        for name in sorted(wanted.pods - set(names))
    ]
    found += [
        Hold("foreign-pod", f"pod {name}", f"it is not among the ready pods of {subject}; read those only")
        for name in sorted(set(names) - wanted.pods)
    ]
    return found


def _met(reading: PodReading, values: Mapping[_Key, int], began_seconds: float) -> _Pod:
    is_new = reading.started_seconds is not None and reading.started_seconds >= began_seconds
    return _Pod(reading.started_seconds, values, dict(values) if is_new else {})


def _totals(tally: Tally, wanted: Wanted) -> Taken:
    sums: dict[_Key, int] = {}
    for pod in tally.pods.values():
        for key, count in pod.counted.items():
            sums[key] = sums.get(key, 0) + count

    requests, failed = sums.get((Counter.REQUESTS, ""), 0), sums.get((Counter.ERRORS, ""), 0)
    timed, within = (
        sum(count for (counter, key), count in sums.items() if counter is Counter.WITHIN and edge(key) == end)
        for end in (math.inf, wanted.edge_seconds)
    )
    subject = f"revision {wanted.labels.revision}"
    if failed > requests or within > timed:
        return Taken(
            tally, None, (Hold("no-count", subject, "it counts more bad answers than answers; see whether both count the same requests"),)
        )
    counts = Counts(
        revision=wanted.labels.revision,
        revision_uid=wanted.labels.revision_uid,
        errors=Share(total=requests, bad=failed) if Counter.REQUESTS in wanted.counters else None,
        slow=Share(total=timed, bad=timed - within) if Counter.WITHIN in wanted.counters else None,
        decisions={key: count for (counter, key), count in sums.items() if counter is Counter.DECISIONS}
        if Counter.DECISIONS in wanted.counters
        else None,
    )
    return Taken(tally, counts)


def joined(first: Counts, second: Counts) -> Counts:
    """Counts of one revision from two sources, each of which knows a part; None for a part is what the other knows."""
    if (first.revision, first.revision_uid) != (second.revision, second.revision_uid):
        raise ValueError(f"{first.revision} and {second.revision} are not one revision")
    return replace(
        first,
        errors=first.errors or second.errors,
        slow=first.slow or second.slow,
        decisions=second.decisions if first.decisions is None else first.decisions,
    )
