"""Decides what may be done with one stack, from facts alone. Everything that could destroy a region by mistake stops here.

Terraform with an empty state plans to create everything once more, beside what is running. So an empty state is believed
only when nothing else says the stack exists: no record of a finished apply, no resource in the account that bears its tag,
or else a marker of our own that an apply was cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tidegate.cloud.state import ApplyRecord, State
from tidegate.errors import Finding


class Action(Enum):
    """What a deploy does with a stack."""

    SKIP = "unchanged"
    APPLY = "apply"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a stack besides its synthesised input. `living` are ids in the account that bear its tag."""

    state: State | None
    record: ApplyRecord | None
    was_cut_off: bool
    living: tuple[str, ...]


def judge(stack: str, input_sha256: str, evidence: Evidence) -> Action | Finding:
    """The action for a stack, or the finding that forbids any."""
    if problem := _distrust(evidence):
        rule, text = problem
        return Finding(stack, "state", rule, text, f"run `tidegate cloud restore-state {stack}`; nothing was planned or changed")
    if evidence.was_cut_off:
        return Action.RESUME
    state, record = evidence.state, evidence.record
    is_unchanged = state and record and record.input_sha256 == input_sha256 and record.serial == state.serial
    return Action.SKIP if is_unchanged else Action.APPLY


def _distrust(evidence: Evidence) -> tuple[str, str] | None:
    """The rule that the state breaks and how; None when it can be believed."""
    state, record, living = evidence.state, evidence.record, evidence.living
    if state is None and record:
        return "state-missing", f"the state object is gone, but an apply left {record.resources} resources (serial {record.serial})"
    if state is None and living and not evidence.was_cut_off:
        shown = ", ".join(living[:3])
        return "state-missing", f"there is no state, but {len(living)} resources in the account bear this stack's tags ({shown})"
    if state and record and state.lineage != record.lineage:
        return "state-foreign", f"the state's lineage is {state.lineage}, the last apply left {record.lineage}: it is another stack's"
    if state and record and state.serial < record.serial:
        return "state-older", f"the state's serial is {state.serial}, the last apply left {record.serial}: an older copy was put in place"
    return None
