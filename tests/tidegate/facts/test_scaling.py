"""What of scaling is taken: an idle time where something goes to zero, a target where the autoscaler sees requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tidegate.facts.documents import committed
from tidegate.facts.models.scaling import Scaling
from tidegate.facts.models.served_model import ServedModel


def _scorer(scaling: dict[str, Any], **changed: Any) -> ServedModel:
    document = committed("gitops/tenants/fraud.yaml")["models"]["scorer"]
    return ServedModel.model_validate_json(json.dumps({**document, "scaling": scaling, **changed}))


@pytest.mark.parametrize(
    ("scaling", "changed"),
    [
        pytest.param({"min_replicas": 0, "max_replicas": 4, "idle_seconds": 60}, {}, id="model-at-zero"),
        pytest.param(
            {"min_replicas": 2, "max_replicas": 4, "idle_seconds": 60},
            {"transformer": {**committed("gitops/tenants/credit.yaml")["models"]["decision"]["transformer"], "min_replicas": 0}},
            id="transformer-at-zero",
        ),
        pytest.param({"min_replicas": 2, "max_replicas": 4, "concurrency_target": 4}, {}, id="floor-without-idle-time"),
        pytest.param({"min_replicas": 2, "max_replicas": 4, "requests_per_second_target": 50}, {}, id="target-of-requests-per-second"),
        pytest.param(
            {"mode": "standard", "min_replicas": 2, "max_replicas": 4},
            {"rollout": {"strategy": "pinned"}},
            id="standard-mode-without-target",
        ),
    ],
)
def test_scaling_of_which_each_value_counts_is_taken(scaling: dict[str, Any], changed: dict[str, Any]) -> None:
    model = _scorer(scaling, **changed)
    assert {name: getattr(model.scaling, name) for name in scaling} == scaling


@pytest.mark.parametrize(
    ("scaling", "metric", "target", "follows"),
    [
        ({"min_replicas": 1, "max_replicas": 2}, "concurrency", 8, True),
        ({"min_replicas": 2, "max_replicas": 2, "requests_per_second_target": 50}, "rps", 50, False),
        ({"mode": "standard", "min_replicas": 1, "max_replicas": 2}, "cpu", 8, False),
    ],
)
def test_signal_and_whether_replicas_follow_requests(scaling: dict[str, Any], metric: str, target: int, follows: bool) -> None:
    found = Scaling.model_validate(scaling)
    assert (found.metric, found.target, found.follows_requests) == (metric, target, follows)
