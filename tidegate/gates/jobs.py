"""Whether all jobs of a pipeline say that a change may merge: the one check to require, since a job that is skipped counts as a success.

Needs nothing but Python's own library, so that a job can ask without setting anything up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.gates.verdict import Outcome, Reason, Verdict

GATE = "merge-ready"

ALWAYS = ("scope", "verify")
"""Run for every change."""

ON_A_REGION = ("tests", "gates", "golden-set", "load-test")
"""Run unless the change is one of documents only."""

_FORK = (
    "skipped, though the change needs a region: a change of a fork runs on no machine of ours; "
    "who has read it pushes it to a branch of this repository"
)


def judge(results: Mapping[str, str], region: str) -> Verdict:
    """`results` by job, in GitHub's words; `region` is what the job `scope` found."""
    return Verdict(GATE, tuple(_reasons(results, region)))


def _reasons(results: Mapping[str, str], region: str) -> Iterator[Reason]:
    if results.get("scope") == "success" and region not in {"true", "false"}:
        yield Reason(Outcome.INVALID, "scope", f"says {region!r} where true or false is meant")
    for job in (*ALWAYS, *ON_A_REGION):
        result = results.get(job, "")
        if result == "success":
            yield Reason(Outcome.PASS, job, "success")
        elif not result:
            yield Reason(Outcome.INVALID, job, "this check does not wait for it; name it in `needs`")
        elif result == "skipped" and job in ON_A_REGION and region == "false":
            yield Reason(Outcome.PASS, job, "skipped: documents only")
        elif result == "skipped" and job in ON_A_REGION and region == "true":
            yield Reason(Outcome.FAIL, job, _FORK)
        else:
            yield Reason(Outcome.FAIL, job, result)
    for job in sorted(results.keys() - {*ALWAYS, *ON_A_REGION}):
        yield Reason(Outcome.INVALID, job, "a job that this check does not know; name it in tidegate/gates/jobs.py")
