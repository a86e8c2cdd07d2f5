"""What admission or a quota refused is told with the field to change, wherever on the way it was refused, and never with "look again"."""

from __future__ import annotations

from typing import Any

import pytest

from tests.root import ROOT
from tests.tidegate.embedded.canned_models import EDGE, READY, explain, starting, sync_failed
from tests.tidegate.live.canned_cluster import (  # fmt: skip
    FIRST,
    PARTS,
    CannedCluster,
    Object,
    application,
    condition,
    event,
    inference_service,
    make,
    node,
    platform,
    pod,
    replica_set,
)
from tidegate.live.explanation import explain_live
from tidegate.live.refusals import FIELDS, NOT_OF_A_FILE, Refused, refusal

QUOTA = 'pods "scorer-1" is forbidden: exceeded quota: quota, requested: requests.{0}=2, used: requests.{0}=63, limited: requests.{0}=64'
DENIED = "ValidatingAdmissionPolicy 'tenant-inferenceservices' with binding 'tenant-inferenceservices' denied request: "
PINNED = 'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: expected 0 <= 5000 <= 600: spec.template.spec.timeoutSeconds'
FRAUD = "in gitops/tenants/fraud.yaml"


def denied(policy: str, sentence: str = "no; do it otherwise") -> str:
    return f"{DENIED}{policy}: {sentence}"


@pytest.mark.parametrize(
    ("message", "part", "fields"),
    [
        pytest.param(QUOTA.format("cpu"), "predictor", "raise quota.cpu, or lower models.scorer.resources.cpu or models.scorer.scaling.max_replicas,", id="quota-of-cpu"),
        pytest.param(QUOTA.format("memory"), "predictor", "raise quota.memory_gib, or lower models.scorer.resources.memory_gib or models.scorer.scaling.max_replicas,", id="quota-of-memory"),
        pytest.param(QUOTA.format("memory"), "transformer", "raise quota.memory_gib, or lower models.scorer.transformer.resources.memory_gib or models.scorer.transformer.max_replicas,", id="quota-and-a-transformer"),
        pytest.param(QUOTA.format("nvidia.com/gpu"), "predictor", "raise quota.accelerators[nvidia.com/gpu], or lower models.scorer.accelerator.count or models.scorer.scaling.max_replicas,", id="quota-of-cards"),
        pytest.param('pods "x" is forbidden: exceeded quota: quota, requested: pods=1, used: pods=60, limited: pods=60', "predictor", "raise quota.pods, or lower models.scorer.scaling.max_replicas,", id="quota-of-pods"),
        pytest.param('pods "x" is forbidden: [maximum cpu usage per Container is 4250m, but limit is 8, maximum memory usage per Container is 1Gi, but limit is 2Gi]', "predictor", "lower models.scorer.resources.cpu or models.scorer.resources.memory_gib", id="limit-range"),
        pytest.param(denied("forbid-zero-on-hot-tiers"), "predictor", "change models.scorer.scaling.min_replicas", id="floor"),
        pytest.param(denied("require-canary-and-approval"), "predictor", "change models.scorer.rollout.strategy or models.scorer.approval", id="canary"),
        pytest.param(denied("require-immutable-model", "the annotation is not a SHA-256; write it"), "predictor", "change models.scorer.artefact", id="artefact"),
        pytest.param(denied("forbid-unknown-model-formats"), "predictor", "change models.scorer.runtime", id="runtime"),
        pytest.param(
            "ValidatingAdmissionPolicy 'require-catalogued-model' with binding 'require-catalogued-model' denied request: not in the signed catalogue; sign it",
            "predictor", "change models.scorer.artefact", id="policy-of-its-own",
        ),
        pytest.param(f"{'very ' * 70}long: {QUOTA.format('cpu')}", "predictor", "raise quota.cpu, or lower models.scorer.resources.cpu", id="behind-where-the-line-is-cut"),
        pytest.param(PINNED, "predictor", "change models.scorer.slo.p99_ms", id="knatives-webhook"),
        pytest.param('admission webhook "x" denied the request: minReplicas cannot be above maxReplicas', "predictor", "change models.scorer.scaling.min_replicas", id="kserves-webhook"),
        pytest.param('InferenceService.serving.kserve.io "scorer" is invalid: spec.predictor.maxReplicas: Invalid value: "string"', "predictor", "change models.scorer.scaling.max_replicas", id="schema"),
    ],
)  # fmt: skip
def test_refusal_names_the_field_of_the_tenants_file(message: str, part: str, fields: str) -> None:
    cause = refusal(Refused(platform().tenants["fraud"], "scorer", part), message)
    assert cause
    assert cause.next_step.startswith(fields)
    assert f"{FRAUD}, then commit" in cause.next_step
    assert not cause.may_pass


@pytest.mark.parametrize(
    ("message", "step"),
    [
        pytest.param(denied("require-catalogued-image"), "merge the signed list of `tidegate image publish`", id="image-that-nobody-has-listed"),
        pytest.param(denied("require-approved-images"), "correct the runtime's image in clusters/components/serving/images.py", id="image-of-the-platform"),
        pytest.param(denied("forbid-argo-cd-hooks"), "not from a field of gitops/tenants/fraud.yaml: `tidegate render`, then commit", id="edited-by-hand"),
        pytest.param('pods "x" is forbidden: violates PodSecurity "restricted:latest": seccompProfile', "clusters/components/serving/runtimes.py", id="pod-security"),
        pytest.param('admission webhook "x" denied the request: no', "change what the message names in gitops/tenants/fraud.yaml", id="words-that-nobody-knows"),
    ],
)  # fmt: skip
def test_refusal_of_what_is_no_field_says_where_it_comes_from(message: str, step: str) -> None:
    cause = refusal(Refused(platform().tenants["fraud"], "scorer"), message)
    assert cause
    assert step in cause.next_step


@pytest.mark.parametrize("message", ["", "Waiting for load balancer", "Container failed with: denied by the model's own code"])
def test_what_nobody_refused_is_no_refusal(message: str) -> None:
    assert refusal(Refused(platform().tenants["fraud"], "scorer"), message) is None


def test_every_policy_says_which_field_it_judges_and_the_field_exists() -> None:
    policies = {path.parent.name for path in (ROOT / "policies").glob("*/policy.yaml")}
    assert set(FIELDS) | NOT_OF_A_FILE == policies
    assert not set(FIELDS) & NOT_OF_A_FILE
    credit = platform().tenants["credit"].model_dump(mode="json")
    for paths in FIELDS.values():
        for path in paths:
            facts: Any = credit
            for step in path.format(model="decision", part="explainer").split("."):
                assert step in facts, path
                facts = facts[step]


UNSAID = [application(health="Progressing"), inference_service(ready=None), node(), *EDGE]
NO_REVISION = make(
    "serving.knative.dev/v1", "Service", "scorer-predictor", metadata={"labels": PARTS},
    status={"conditions": [condition("Ready", False), condition("ConfigurationsReady", False, "RevisionFailed", f"Revision creation failed with message: {PINNED}.")]},
)  # fmt: skip

PLACES: dict[str, tuple[list[Object], str]] = {
    "knative-service-not-created": (
        [*UNSAID, event(f"fails to reconcile component: {PINNED}", about="scorer", kind="InferenceService", reason="InternalError")], "models.scorer.slo.p99_ms",
    ),
    "revision-not-created": ([*UNSAID, NO_REVISION], "models.scorer.slo.p99_ms"),
    "deployment-not-created": (
        [*starting(), event(f"failed to create deployment: {denied('require-resources')}", about=FIRST, kind="Revision", reason="InternalError")], "models.scorer.resources",
    ),
    "pod-not-created": (starting(replica_set(QUOTA.format("cpu"))), "quota.cpu"),
    "pod-not-created-and-one-starts": (starting(replica_set(QUOTA.format("cpu")), pod()), "quota.cpu"),
    "said-by-kserve-alone": (
        [application(), inference_service(ready=None, conditions=[condition("PredictorReady", None, "", QUOTA.format("memory"))]), *READY[2:]], "quota.memory_gib",
    ),
    "not-applied": ([sync_failed(denied("forbid-zero-on-hot-tiers")), *EDGE], "models.scorer.scaling.min_replicas"),
    "newest-not-applied": ([sync_failed(denied("forbid-zero-on-hot-tiers")), *READY[1:]], "models.scorer.scaling.min_replicas"),
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
def test_refusal_is_found_wherever_it_happened(case: str) -> None:
    objects, field = PLACES[case]
    found = explain(*objects)
    assert field in found.next_step, found.summary
    assert "look again" not in found.summary


def test_refusal_of_long_ago_is_not_told_of_a_model_that_is_ready() -> None:
    old = event(f"failed to create deployment: {denied('require-resources')}", about=FIRST, kind="Revision", reason="InternalError")
    assert explain(*READY, old).summary == "ready; nothing to do"


def test_replicas_that_a_quota_refuses_are_told_of_a_ready_model() -> None:
    found = explain(*READY, replica_set(QUOTA.format("cpu")))
    assert found.ready
    assert found.cause.startswith("ready, but with fewer replicas than wanted: quota exceeded: quota, requested: requests.cpu=2")
    assert "raise quota.cpu" in found.next_step


def test_quota_is_told_of_a_model_in_standard_mode_which_has_no_revision() -> None:
    tenant = platform().tenants["fraud"]
    scorer = tenant.models["scorer"]
    standard = scorer.model_copy(update={"scaling": scorer.scaling.model_copy(update={"mode": "standard"})})
    replicas = make(
        "apps/v1", "ReplicaSet", "scorer-predictor-7bb9c94b57", metadata={"labels": PARTS},
        status={"conditions": [condition("ReplicaFailure", True, "FailedCreate", QUOTA.format("cpu"))]},
    )  # fmt: skip
    found = explain_live(CannedCluster([*UNSAID, replicas]), tenant.model_copy(update={"models": {"scorer": standard}}), "scorer")
    assert found.cause.startswith("quota exceeded: quota, requested: requests.cpu=2")
    assert "raise quota.cpu" in found.next_step


def test_fields_are_those_of_the_part_that_was_refused() -> None:
    refused = Refused(platform().tenants["credit"], "decision", "predictor", on_cpu=True)
    assert refused.resource("memory_gib") == "models.decision.also_on_cpu.resources.memory_gib"
    assert Refused(platform().tenants["credit"], "decision").images == [
        "models.decision.transformer.image",
        "models.decision.explainer.image",
    ]
    explainer = refusal(Refused(platform().tenants["credit"], "decision", "explainer"), denied("require-approved-images"))
    assert explainer
    assert explainer.next_step == "change models.decision.explainer.image in gitops/tenants/credit.yaml, then commit"
