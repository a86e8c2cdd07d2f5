"""What is near an anti-pattern and none: twenty small models, larger ones, regulated ones, another version of the same model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tidegate.facts.documents import committed
from tidegate.facts.rules.anti_patterns import LONG_TAIL, anti_pattern_findings
from tidegate.facts.tenant import Tenant


def _found(document: dict[str, Any]) -> set[str]:
    tenant = Tenant.model_validate_json(json.dumps(document))
    return {finding.rule for finding in anti_pattern_findings("tenant.yaml", tenant)}


def _long_tail(count: int, **changed: Any) -> dict[str, Any]:
    document = committed("gitops/tenants/merchants.yaml")
    model = document["models"]["anomaly"]
    del model["dense_pool"]
    for number in range(count):
        uri = f"s3://tidegate-models/merchants/one-{number}/1"
        signature = {**model["artefact"]["signature"], "uri": f"{uri}/model.sig"}
        artefact = {**model["artefact"], "uri": uri, "sha256": f"{number:064}", "signature": signature}
        document["models"][f"one-{number}"] = {**model, "artefact": artefact, **changed}
    del document["models"]["anomaly"]
    return document


@pytest.mark.parametrize(
    ("document", "rules"),
    [
        pytest.param(_long_tail(LONG_TAIL), set[str](), id="as-many-as-may-be"),
        pytest.param(_long_tail(LONG_TAIL + 1), {"long-tail-without-pool"}, id="one-too-many"),
        pytest.param(_long_tail(LONG_TAIL + 1, resources={"cpu": 2, "memory_gib": 2}), set[str](), id="larger"),
        pytest.param({**_long_tail(LONG_TAIL + 1), "tier": "regulated"}, set[str](), id="regulated"),
        pytest.param(_long_tail(LONG_TAIL + 1, runtime="huggingface"), set[str](), id="server-without-pools"),
    ],
)
def test_long_tail_is_what_a_pool_could_serve(document: dict[str, Any], rules: set[str]) -> None:
    assert _found(document) == rules


def test_committed_tenants_have_no_anti_pattern() -> None:
    assert {name: _found(committed(f"gitops/tenants/{name}.yaml")) for name in ("assistant", "credit", "fraud", "merchants", "scoring")} == {
        "assistant": set(), "credit": set(), "fraud": set(), "merchants": set(), "scoring": set(),
    }  # fmt: skip


def test_cpu_model_may_scale_on_cpu() -> None:
    document = committed("gitops/tenants/fraud.yaml")
    document["models"]["scorer"]["scaling"] = {"mode": "standard", "min_replicas": 6, "max_replicas": 24}
    document["models"]["scorer"]["rollout"] = {"strategy": "pinned"}
    assert _found(document) == set()
