"""Which of KServe's lines is told of a model that is not ready."""

from __future__ import annotations

import pytest

from tidegate.live.observed import InferenceService
from tidegate.live.served import said_by_kserve

EARLIER = {"lastFailureInfo": {"reason": "RuntimeNotRecognized", "message": "Waiting for runtime to become available"}}
REFUSED = {
    "quota": 'fails to reconcile predictor: pods "x" is forbidden: exceeded quota: quota, requested: pods=1, used: pods=1, limited: pods=1',
    "limits": 'pods "x" is forbidden: maximum cpu usage per Container is 4250m, but limit is 8',
    "webhook": 'admission webhook "x" denied the request: validation failed: expected 0 <= 5000 <= 600',
    "policy": "ValidatingAdmissionPolicy 'tenant-pods' with binding 'tenant-pods' denied request: require-resources: no limits; add them",
    "schema": 'Service.serving.knative.dev "scorer-predictor" is invalid: spec.template.spec.timeoutSeconds: Invalid value: "x"',
    "rights": 'services.serving.knative.dev is forbidden: User "kserve" cannot create resource "services"',
}


def told(message: str) -> str:
    conditions = [{"type": "PredictorReady", "status": "False", "message": message}]
    document = {"metadata": {"name": "scorer"}, "status": {"conditions": conditions, "modelStatus": EARLIER}}
    return said_by_kserve(InferenceService.model_validate(document))


@pytest.mark.parametrize("by", REFUSED)
def test_refusal_comes_before_a_failure_that_kserve_noted_down_and_never_takes_back(by: str) -> None:
    assert told(REFUSED[by]) == REFUSED[by]


def test_failure_is_told_where_nothing_was_refused() -> None:
    assert told("not yet") == "RuntimeNotRecognized: Waiting for runtime to become available"
