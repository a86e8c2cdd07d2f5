"""What the policies cost: the same creates on two bare API servers in turn, one with every policy in force, one with none.

`python -m tests.measure.bench.admission` runs it alone and puts `admission` into `out/bench.json`. Pods and InferenceServices are
really created, because a create is what a tenant waits for. The servers share the machine with whatever else runs: pairs are
interleaved, and the p99 is that of the middle one of several rounds, because one stall is the p99 of a whole round.
Beside it stands what the API server itself measured inside of its plugin for policies. What a policy costs in CEL's own units
tells `tests/policies/test_costs.py`.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.admission_server import ApiServer, running_api_server
from tests.measure.bench.entries import in_memory, put
from tests.policies.cases import Case, object_of
from tests.policies.tenant_objects import enforce, furnish, rendered, with_status
from tests.root import ROOT
from tidegate.facts import inventory

CLUSTER = "live-1"
ROUNDS, PAIRS = 5, 200
"""Pairs of each kind in a round; its p99 then stands on the four slowest of both kinds."""

QUOTA, SERVICE = "tenants/credit/resourcequota-quota", "tenants/credit/inferenceservice-decision"
"""Objects of the rendered tree."""

GOAL_SECONDS = 0.005
"""What admission may add to the p99 of a create (issue 5, acceptance 7)."""

_PLUGIN = re.compile(r"^apiserver_admission_controller_admission_duration_seconds_(bucket|sum|count)\{(.*)\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class InPlugin:
    """The API server's own word on creates that were let in: mean milliseconds in all policies, and the share within the goal."""

    mean_ms: float
    share_within_goal: float


@dataclass(frozen=True)
class Measured:
    """Seconds: p99 of creates with and without policies in the middle round, and the smallest and largest difference of a round."""

    ours: float
    theirs: float
    differences: tuple[float, float]
    inside: InPlugin


def admission(scratch: Path, rounds: int = ROUNDS, pairs: int = PAIRS) -> Measured:
    """Creates in turn, `rounds` times `pairs` of each kind, after a tenth of a round to warm up."""
    platform = inventory.load(ROOT)
    tree = rendered(platform, CLUSTER)
    with _furnished(scratch / "with", tree) as ours, _furnished(scratch / "without", tree) as theirs:
        enforce(ours, platform, CLUSTER, tree, told=False)
        _round(ours, theirs, tree, pairs // 10)
        found = sorted((_round(ours, theirs, tree, pairs) for _ in range(rounds)), key=lambda both: both[0] - both[1])
        inside = in_plugin(ours.metrics())
    differences = [with_policies - without for with_policies, without in found]
    return Measured(*found[len(found) // 2], (differences[0], differences[-1]), inside)


def _round(ours: ApiServer, theirs: ApiServer, tree: Mapping[str, dict[str, Any]], pairs: int) -> tuple[float, float]:
    seconds: dict[ApiServer, list[float]] = {ours: [], theirs: []}
    for number in range(pairs):
        for api in (ours, theirs) if number % 2 else (theirs, ours):
            seconds[api] += _creates(api, tree, number)
    return _p99(seconds[ours]), _p99(seconds[theirs])


def in_plugin(metrics: str) -> InPlugin:
    """Reads it from the API server's metrics; `AssertionError` when there was no create."""
    totals = {"within": 0.0, "sum": 0.0, "count": 0.0}
    for part, labels, value in _PLUGIN.findall(metrics):
        if {'name="ValidatingAdmissionPolicy"', 'operation="CREATE"', 'rejected="false"'} <= set(labels.split(",")):
            if part != "bucket":
                totals[part] += float(value)
            elif f'le="{GOAL_SECONDS}"' in labels:
                totals["within"] += float(value)
    assert totals["count"], "no create in the metrics"
    return InPlugin(1e3 * totals["sum"] / totals["count"], totals["within"] / totals["count"])


@contextlib.contextmanager
def _furnished(folder: Path, tree: Mapping[str, dict[str, Any]]) -> Generator[ApiServer]:
    folder.mkdir(parents=True)
    with running_api_server(folder) as api:
        furnish(api, tree)
        quota = tree[QUOTA]
        plenty = {**quota, "spec": {"hard": dict.fromkeys(quota["spec"]["hard"], str(10**15))}}
        api.must_apply(plenty)
        with_status(api, plenty)
        yield api


def _creates(api: ApiServer, tree: Mapping[str, dict[str, Any]], number: int) -> list[float]:
    pod = object_of(Case(base="pod"), tree)
    pod["metadata"]["name"] = f"pod-{number}"
    service = object_of(Case(base=SERVICE), tree)
    took: list[float] = []
    for manifest in (pod, service):
        answer = api.create(manifest)
        assert answer.code == 201, answer.message
        took.append(answer.seconds)
        gone = api.request("DELETE", api.path(manifest), {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0})
        assert gone.code == 200, gone.message
    return took


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


def main() -> int:
    """Measures, prints, and puts the result among the others."""
    with in_memory() as scratch:
        found = admission(scratch)
    ours, theirs, inside = found.ours, found.theirs, found.inside
    put("admission", {"ours_s": round(ours, 5), "theirs_s": round(theirs, 5), "ratio": round(ours / theirs, 2)})
    within = f"{inside.share_within_goal:.1%} of creates within {1000 * GOAL_SECONDS:.0f} ms"
    print(f"in the policies: {inside.mean_ms:.2f} ms on average, {within}")
    print(f"p99 of a create: {1000 * ours:.2f} ms with policies, {1000 * theirs:.2f} ms without: {1000 * (ours - theirs):+.2f} ms")
    least, most = (1000 * each for each in found.differences)
    print(f"the middle of {ROUNDS} rounds, which differed by {least:+.2f} to {most:+.2f} ms")
    print(f"goal: at most {1000 * GOAL_SECONDS:.0f} ms more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
