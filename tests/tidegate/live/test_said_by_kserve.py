"""Which of KServe's lines is told of a model that is not ready."""

from __future__ import annotations

from tidegate.live.observed import InferenceService
from tidegate.live.served import said_by_kserve

EARLIER = {"lastFailureInfo": {"reason": "RuntimeNotRecognized", "message": "Waiting for runtime to become available"}}
REFUSED = 'fails to reconcile predictor: pods "x" is forbidden: exceeded quota: quota, requested: pods=1, used: pods=1, limited: pods=1'


def told(message: str) -> str:
    conditions = [{"type": "PredictorReady", "status": "False", "message": message}]
    document = {"metadata": {"name": "scorer"}, "status": {"conditions": conditions, "modelStatus": EARLIER}}
    return said_by_kserve(InferenceService.model_validate(document))


def test_refusal_comes_before_a_failure_that_kserve_noted_down_and_never_takes_back() -> None:
    assert told(REFUSED) == REFUSED


def test_failure_is_told_where_nothing_was_refused() -> None:
    assert told("not yet") == "RuntimeNotRecognized: Waiting for runtime to become available"
