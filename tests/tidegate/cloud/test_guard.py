"""Every way a state can be untrue is a hard stop with the way back; every true one goes on."""

from __future__ import annotations

import pytest

from tidegate.cloud.guard import Action, Evidence, judge
from tidegate.cloud.state import ApplyRecord, Instance, State
from tidegate.errors import Finding

INPUT = "a" * 64
VPC = Instance(address="aws_vpc.main", type="aws_vpc", attributes={"id": "vpc-1"})
STATE = State("lineage-1", 7, {}, (VPC,))
RECORD = ApplyRecord(input_sha256=INPUT, lineage="lineage-1", serial=7, resources=48)

ALLOWED = {
    "new-stack-is-applied": (Evidence(None, None, was_cut_off=False, living=()), Action.APPLY),
    "unchanged-stack-is-skipped": (Evidence(STATE, RECORD, was_cut_off=False, living=()), Action.SKIP),
    "changed-input-is-applied": (
        Evidence(STATE, RECORD.model_copy(update={"input_sha256": "b" * 64}), was_cut_off=False, living=()),
        Action.APPLY,
    ),
    "state-moved-on-by-hand-is-applied": (
        Evidence(State("lineage-1", 9, {}, (VPC,)), RECORD, was_cut_off=False, living=()),
        Action.APPLY,
    ),
    "state-without-record-is-applied": (Evidence(STATE, None, was_cut_off=False, living=()), Action.APPLY),
    "killed-first-apply-resumes": (Evidence(None, None, was_cut_off=True, living=("vpc-1",)), Action.RESUME),
    "killed-later-apply-resumes": (Evidence(STATE, RECORD, was_cut_off=True, living=()), Action.RESUME),
}


@pytest.mark.parametrize(("evidence", "action"), ALLOWED.values(), ids=ALLOWED.keys())
def test_state_that_can_be_trusted_goes_on(evidence: Evidence, action: Action) -> None:
    assert judge("live-1-network", INPUT, evidence) is action


REFUSED = {
    "record-without-state": (
        Evidence(None, RECORD, was_cut_off=False, living=()),
        (
            "live-1-network: state: the state object is gone, but an apply left 48 resources (serial 7); "
            "run `tidegate cloud restore-state live-1-network`; nothing was planned or changed [state-missing]"
        ),
    ),
    "record-without-state-after-a-kill": (
        Evidence(None, RECORD, was_cut_off=True, living=("vpc-1",)),
        (
            "live-1-network: state: the state object is gone, but an apply left 48 resources (serial 7); "
            "run `tidegate cloud restore-state live-1-network`; nothing was planned or changed [state-missing]"
        ),
    ),
    "living-resources-without-state": (
        Evidence(None, None, was_cut_off=False, living=("vpc-1", "subnet-1", "subnet-2", "subnet-3")),
        (
            "live-1-network: state: there is no state, but 4 resources in the account bear this stack's tags (vpc-1, subnet-1, subnet-2); "
            "run `tidegate cloud restore-state live-1-network`; nothing was planned or changed [state-missing]"
        ),
    ),
    "state-of-another-lineage": (
        Evidence(State("lineage-2", 7, {}, ()), RECORD, was_cut_off=False, living=()),
        (
            "live-1-network: state: the state's lineage is lineage-2, the last apply left lineage-1: it is another stack's; "
            "run `tidegate cloud restore-state live-1-network`; nothing was planned or changed [state-foreign]"
        ),
    ),
    "older-state-put-in-place": (
        Evidence(State("lineage-1", 3, {}, ()), RECORD, was_cut_off=False, living=()),
        (
            "live-1-network: state: the state's serial is 3, the last apply left 7: an older copy was put in place; "
            "run `tidegate cloud restore-state live-1-network`; nothing was planned or changed [state-older]"
        ),
    ),
}


@pytest.mark.parametrize(("evidence", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_state_that_cannot_be_trusted_is_a_hard_stop(evidence: Evidence, message: str) -> None:
    verdict = judge("live-1-network", INPUT, evidence)
    assert isinstance(verdict, Finding)
    assert str(verdict) == message
