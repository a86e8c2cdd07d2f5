"""Admission's list and each tenant's own say the same, from the same facts, and hold everything that may still be served."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from clusters.components.serving.images import SERVING_PINS
from clusters.components.tenancy import catalogue
from tests.clusters.selection import Select
from tidegate.facts.platform import Platform
from tidegate.facts.signature import ApprovedModel, ModelCatalogue

OLDER = "b" * 64
KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
RECORDED = ModelCatalogue(
    keys={"fraud-release": KEY, "credit-release": KEY},
    models=(
        ApprovedModel(model="fraud/scorer/0", uri="s3://tidegate-models/fraud/scorer/0", sha256=OLDER, key_id="fraud-release"),
        ApprovedModel(model="gone/model/1", uri="s3://tidegate-models/gone/model/1", sha256="c" * 64, key_id="gone-release"),
    ),
)


def listed(platform: Platform, recorded: ModelCatalogue = RECORDED) -> dict[str, str]:
    objects = catalogue.objects(replace(platform, catalogue=recorded), platform.clusters["live-1"])
    (found,) = (one for one in objects if one["kind"] == "ConfigMap")
    manifest: Any = found
    return manifest["data"]


def told(platform: Platform, recorded: ModelCatalogue = RECORDED) -> Any:
    (found,) = catalogue.guard_rails(platform.clusters["live-1"], platform.tenants["fraud"], recorded)
    manifest: Any = found
    return json.loads(manifest["data"]["trust.json"])


def test_every_artefact_that_a_tenant_names_is_listed_by_digest(platform: Platform) -> None:
    named = {
        model.artefact.sha256: f"{tenant.name}/{name}/{model.artefact.version} {model.artefact.signature.key_id}"
        for tenant in platform.tenants_of("live-1")
        for name, model in tenant.models.items()
    }
    assert listed(platform, ModelCatalogue()) == named


def test_earlier_versions_stay_listed_for_who_must_go_back(platform: Platform) -> None:
    assert listed(platform)[OLDER] == "fraud/scorer/0 fraud-release"
    assert "c" * 64 not in listed(platform)  # no such tenant here


def test_pods_are_told_their_tenants_models_by_the_uri_they_fetch(platform: Platform) -> None:
    bucket = "s3://tidegate-live-1-models-123456789012"
    loaded = {"server": "mlserver-lightgbm", "libraries": {"lightgbm": SERVING_PINS["lightgbm"]}}
    assert told(platform)["models"] == {
        f"{bucket}/fraud/scorer/0": {"model": "fraud/scorer/0", "sha256": OLDER, "key_id": "fraud-release", **loaded},
        f"{bucket}/fraud/scorer/1": {
            "model": "fraud/scorer/1", "sha256": platform.tenants["fraud"].models["scorer"].artefact.sha256, "key_id": "fraud-release",
            **loaded,
        },
    }  # fmt: skip


def test_pods_learn_no_versions_of_a_server_whose_libraries_nobody_knows(select: Select) -> None:
    (trust,) = select("live-1/tenants/assistant", "ConfigMap", "model-trust")
    models = json.loads(trust["data"]["trust.json"])["models"]
    assert {(one["server"], *one["libraries"]) for one in models.values() if one["model"].startswith("assistant/chat/")} == {("vllm",)}


def test_pods_get_their_tenants_keys_and_no_others(platform: Platform) -> None:
    assert told(platform)["keys"] == {"fraud-release": KEY}


def test_what_the_tenants_file_says_wins_over_the_record(platform: Platform) -> None:
    entry = ApprovedModel(model="fraud/scorer/1", uri="s3://tidegate-models/fraud/scorer/1", sha256=OLDER, key_id="fraud-release")
    assert OLDER not in listed(platform, ModelCatalogue(models=(entry,)))


def test_both_are_rendered_for_every_cluster(select: Select, platform: Platform) -> None:
    for cluster in platform.clusters:
        (admission,) = select(f"{cluster}/platform/catalogue", "ConfigMap", "model-catalogue")
        assert admission["metadata"]["namespace"] == "platform"
        for tenant in platform.tenants_of(cluster):
            (trust,) = select(f"{cluster}/tenants/{tenant.name}", "ConfigMap", "model-trust")
            models = json.loads(trust["data"]["trust.json"])["models"]
            (service, *_) = select(f"{cluster}/tenants/{tenant.name}", "InferenceService")
            assert service["spec"]["predictor"]["model"]["storageUri"] in models
            assert service["metadata"]["annotations"]["tidegate.dev/model-sha256"] in admission["data"]
