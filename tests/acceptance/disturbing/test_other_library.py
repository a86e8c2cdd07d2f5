"""A server with another version of the library that trained a model does not load it; the revision before serves on, and the reason is named."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.acceptance.command_line import shown
from tests.acceptance.running_platform import Running, wait_for
from tests.acceptance.served_repository import Repository, model_file, setting
from tidegate.facts import names
from tidegate.manifests.layout import RENDERED, TENANTS

REGION, TENANT, MODEL = "live-2", "scoring", "fraud-shadow"
TRUST = f"{RENDERED}/{REGION}/{TENANTS}/{TENANT}/configmap-model-trust.yaml"
HAD, HAS = r"\"lightgbm\": \"4.", r"\"lightgbm\": \"3."
"""As the ConfigMap writes it. A server cannot be given another library in a test, so what is said of the server is changed."""

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION], asks=[], tenant=TENANT, alone=False)]
RecordProperty = Callable[[str, object], None]


def test_model_of_another_library_is_refused_by_its_pod_and_named_while_the_one_before_serves(
    platform: Running, repository: Repository, record_property: RecordProperty
) -> None:
    namespace = f"--namespace=tenant-{TENANT}"

    def known() -> str:
        return platform.read(REGION, "configmap/model-trust", namespace)["data"]["trust.json"]

    def cause() -> str:
        rows = json.loads(shown("model", "explain", f"{TENANT}/{MODEL}", "--json"))
        return next(row["value"] for row in rows if row["path"] == f"{REGION}.live.cause")

    def revisions() -> tuple[str, str]:
        service = f"services.serving.knative.dev/{names.inference_part(MODEL, 'predictor')}"
        status = platform.read(REGION, service, namespace)["status"]
        return status.get("latestCreatedRevisionName", ""), status.get("latestReadyRevisionName", "")

    _, serving = revisions()
    repository.edit(TRUST, lambda text: text.replace(HAD, HAS))
    repository.commit("Say that the server has an older library")
    wait_for("the pods' list says the older library", known, lambda text: '"lightgbm": "3.' in text, 120, 1)
    # A pod reads the list when it starts, so the new revision comes after it.
    repository.edit(model_file(REGION, TENANT, MODEL), setting("maxReplicas", "3"))
    repository.commit("Make a new revision")
    record_property("named_after_seconds", wait_for("explain names the library", cause, lambda said: "it was trained with" in said, 240, 2))
    said = cause()
    assert "it was trained with lightgbm 4." in said
    assert "and mlserver-lightgbm loads it with 3." in said
    assert "train it with lightgbm 3." in said
    assert revisions()[1] == serving, "the refused revision took over"
