"""One tenant file serves every stage: each cluster runs the version of its own, and trusts no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clusters import cluster_tree
from clusters.components.serving.model import inference_service
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.models.artefact import Artefact
from tidegate.facts.platform import Platform, check
from tidegate.facts.signature import ModelCatalogue, approved
from tidegate.facts.stage import Stage

SECOND = Artefact.model_validate_json(
    '{"version": 2, "uri": "s3://tidegate-models/fraud/scorer/2", "sha256": "' + "2d" * 32 + '", "signature": '
    '{"uri": "s3://tidegate-models/fraud/scorer/2/model.sig", "key_id": "fraud-release"}}'
)


@pytest.fixture(scope="module")
def platform() -> Platform:
    """The committed tenants in clusters of staging; fraud wants its second version there."""
    found = inventory.load(ROOT)
    fraud = found.tenants["fraud"]
    scorer = fraud.models["scorer"].model_copy(update={"artefact_by_stage": {Stage.STAGING: SECOND}})
    return replace(
        found,
        clusters={name: cluster.model_copy(update={"stage": Stage.STAGING}) for name, cluster in found.clusters.items()},
        tenants={**found.tenants, "fraud": fraud.model_copy(update={"models": {"scorer": scorer}})},
    )


def _served(platform: Platform, cluster: str) -> str:
    fraud = platform.tenants["fraud"]
    return inference_service(platform.clusters[cluster], fraud, "scorer", fraud.models["scorer"])["spec"]["predictor"]["model"][
        "storageUri"
    ]


def test_each_stage_serves_its_own_version(platform: Platform) -> None:
    assert _served(platform, "live-1").endswith("/fraud/scorer/2")
    production = replace(platform, clusters=inventory.load(ROOT).clusters)
    assert _served(production, "live-1").endswith("/fraud/scorer/1")


@pytest.mark.parametrize(("stage", "versions"), [(Stage.STAGING, {"2"}), (Stage.PRODUCTION, {"1"}), (None, {"1", "2"})])
def test_no_stage_trusts_the_version_of_another(platform: Platform, stage: Stage | None, versions: set[str]) -> None:
    listed = approved([platform.tenants["fraud"]], ModelCatalogue(), stage)
    assert {entry.model.rpartition("/")[2] for entry in listed} == versions


def test_signed_list_of_all_stages_brings_no_version_of_another(platform: Platform) -> None:
    fraud = platform.tenants["fraud"]
    recorded = ModelCatalogue(models=tuple(approved([fraud], ModelCatalogue())))
    assert [entry.model for entry in approved([fraud], recorded, Stage.PRODUCTION)] == ["fraud/scorer/1"]


def test_outside_of_production_versions_may_be_replaced_at_once(platform: Platform) -> None:
    pinned = {
        name: tenant.model_copy(
            update={
                "models": {
                    key: model.model_copy(
                        update={"rollout": model.rollout.model_copy(update={"strategy": "pinned", "steps_percent": None})}
                    )
                    for key, model in tenant.models.items()
                }
            }
        )
        for name, tenant in platform.tenants.items()
    }
    here = replace(platform, tenants=pinned)
    assert {finding.rule for finding in check(here)} == set()
    production = replace(here, clusters=inventory.load(ROOT).clusters)
    assert {finding.rule for finding in check(production)} == {
        "pinned-in-production", "require-canary-and-approval", "stage-without-cluster",
    }  # fmt: skip


def test_admission_asks_for_a_canary_in_production_only(platform: Platform) -> None:
    def asked(of: Platform) -> bool:
        policies = [
            str(rendered.manifest) for rendered in cluster_tree.objects(of)
            if rendered.folder.startswith("live-1/") and rendered.manifest["kind"] == "ValidatingAdmissionPolicy"
        ]  # fmt: skip
        (rule,) = (text for text in policies if "tidegate.dev/rollout" in text)
        return "in ['critical', 'regulated']" in rule

    assert not asked(platform)
    assert asked(replace(platform, clusters=inventory.load(ROOT).clusters))
