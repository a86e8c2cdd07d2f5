"""A model that Git has lost is named, whether it runs on or never came, and Synced and Healthy do not hide it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tidegate.embedded.canned_models import EDGE, READY, explain
from tests.tidegate.live.canned_cluster import application
from tidegate.live.observed import Application

HELD = {"kind": "InferenceService", "name": "scorer", "status": "Synced"}
KEPT = {**HELD, "status": "OutOfSync", "requiresPruning": True}
LOST = "Git has lost InferenceService scorer, which no tombstone removes"


def holding(sync: str, *resources: dict[str, Any]) -> dict[str, Any]:
    made = application()
    made["metadata"]["annotations"] = {"tidegate.dev/holds": "scorer"}
    made["status"]["sync"]["status"] = sync
    made["status"]["resources"] = [{"kind": "InferenceService", "name": "other", "status": "Synced"}, *resources]
    return made


def test_application_that_holds_its_models_is_live() -> None:
    found = Application.model_validate(holding("Synced", HELD))
    assert (found.is_live, found.lost, found.problem) == (True, [], "")


def test_model_that_git_lost_and_that_runs_on_is_named() -> None:
    found = Application.model_validate(holding("OutOfSync", KEPT))
    assert (found.is_live, found.lost) == (False, ["scorer"])
    assert found.problem == LOST


def test_model_that_never_came_is_named_though_all_is_synced_and_healthy() -> None:
    found = Application.model_validate(holding("Synced"))
    assert (found.status.sync.status, found.status.health.status) == ("Synced", "Healthy")
    assert (found.is_live, found.problem) == (False, LOST)


def test_folder_that_could_not_be_read_has_lost_nothing_by_that() -> None:
    assert Application.model_validate(holding("Unknown", KEPT)).lost == []


@pytest.mark.parametrize("lists", [{}, {"tidegate.dev/holds": ""}], ids=["none", "empty"])
def test_application_without_a_list_loses_nothing(lists: dict[str, str]) -> None:
    made = holding("Synced")
    made["metadata"]["annotations"] = lists
    assert Application.model_validate(made).is_live


def test_explanation_says_that_a_serving_model_has_no_file() -> None:
    found = explain(holding("OutOfSync", KEPT), *READY[1:])
    assert found.ready
    assert found.cause == (
        "serving, but Git has lost inferenceservice-scorer.yaml: it is missing, empty or cut short, and no tombstone removes the model"
    )
    assert found.next_step == "`tidegate render` writes the file again; commit it"


def test_explanation_says_why_a_model_never_came() -> None:
    found = explain(holding("Synced"), *EDGE)
    assert not found.ready
    assert found.cause.startswith("not applied: Git has lost inferenceservice-scorer.yaml: it is missing, empty or cut short")
