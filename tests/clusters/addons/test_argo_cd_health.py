"""The scripts by which Argo CD judges Applications and served models, run by Lua 5.1, the language of Argo CD's interpreter."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from lupa import lua51

from clusters.addons.argo_cd import SETTINGS
from tidegate.facts import names
from tidegate.live.observed import InferenceServiceStatus

HEALTH = "resource.customizations.health."
FAILED = {"reason": "ModelLoadFailed", "message": "no such file", "exitCode": 1}


def judge(kind: str, obj: dict[str, Any]) -> tuple[str, str]:
    """Health and message of an object."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(json.loads(json.dumps(obj)), recursive=True)  # a part that stands there twice is converted once
    health = cast("Any", lua.execute(SETTINGS[f"{HEALTH}{kind}"]))
    return str(health.status), str(health.message)


def model(ready: str, transition: str = "UpToDate", *, created: str = "scorer-2", latest: str = "scorer-2") -> dict[str, Any]:
    """The status of a served model whose newest revision is `created` and whose newest ready one is `latest`."""
    return {
        "conditions": [{"type": "PredictorReady", "status": ready}, {"type": "Ready", "status": ready, "message": f"it is {ready}"}],
        "components": {"predictor": {"latestCreatedRevision": created, "latestReadyRevision": latest}},
        "modelStatus": {"transitionStatus": transition, "lastFailureInfo": FAILED},
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, ("Progressing", "not judged yet"), id="nobody has judged it"),
        pytest.param(model("True"), ("Healthy", "it is True"), id="serves"),
        pytest.param(model("True", "InProgress"), ("Healthy", "it is True"), id="at zero"),
        pytest.param(model("Unknown", "InProgress"), ("Progressing", "it is Unknown"), id="starts"),
        pytest.param(model("False", "InProgress"), ("Degraded", "it is False"), id="not ready"),
        pytest.param(
            model("False", "BlockedByFailedLoad", latest=""), ("Degraded", "ModelLoadFailed: no such file"), id="first version fails"
        ),
        pytest.param(
            model("True", "BlockedByFailedLoad", latest="scorer-1"), ("Degraded", "ModelLoadFailed: no such file"), id="next version fails"
        ),
        pytest.param(
            model("True", "BlockedByFailedLoad"), ("Healthy", "it is True"), id="second pod failed to load, and was taken away again"
        ),
        pytest.param(
            {**model("True"), "modelStatus": {"transitionStatus": "InvalidSpec"}}, ("Degraded", "InvalidSpec: "), id="no such runtime"
        ),
        pytest.param(
            {"modelStatus": {"transitionStatus": "BlockedByFailedLoad"}}, ("Degraded", "BlockedByFailedLoad: "), id="no revision yet"
        ),
    ],
)
def test_served_model_is_judged_by_what_it_answers(status: dict[str, Any], expected: tuple[str, str]) -> None:
    assert judge("serving.kserve.io_InferenceService", {"status": status}) == expected
    if status.get("conditions"):
        seen = InferenceServiceStatus.model_validate(status)
        assert seen.is_refused == (expected[1].startswith(("ModelLoadFailed", "InvalidSpec"))), "`tidegate status` tells something else"


SOURCE = {"directory": {"include": "*.yaml"}}


def application(health: str, sync: str = "Synced", **changes: Any) -> dict[str, Any]:
    """An Application as Argo CD leaves it."""
    judged = {"status": health, "message": f"it is {health}"} if health else None
    return {
        "metadata": {"annotations": changes.get("annotations", {})},
        "spec": {"source": changes.get("source", SOURCE)},
        "status": {"health": judged or {}, "sync": {"status": sync, "comparedTo": {"source": SOURCE}}},
    }


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        pytest.param({"metadata": {}, "spec": {}}, ("Progressing", "not judged yet"), id="new"),
        pytest.param(application("Healthy"), ("Healthy", "it is Healthy"), id="well"),
        pytest.param(application("Degraded"), ("Degraded", "it is Degraded"), id="unwell"),
        pytest.param(application("Healthy", "OutOfSync"), ("Progressing", "not synced yet"), id="differs from Git"),
        pytest.param(application("Degraded", "OutOfSync"), ("Degraded", "it is Degraded"), id="unwell and differs from Git"),
        pytest.param(
            application("Healthy", source={"directory": {"include": "*.yaml", "exclude": "models/*"}}),
            ("Progressing", "not looked at since its source changed"), id="judged before a tombstone",
        ),
        pytest.param(
            application("Degraded", annotations={names.ANNOTATION_DELETION_APPROVED: "maria@example.com"}), ("Progressing", "is being emptied"),
            id="its models go",
        ),
    ],
)  # fmt: skip
def test_application_is_live_when_all_of_it_is_applied_and_well(obj: dict[str, Any], expected: tuple[str, str]) -> None:
    assert judge("argoproj.io_Application", obj) == expected
