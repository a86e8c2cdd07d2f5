"""What a tenant's tier demands of its models.

Findings named like an admission policy are that policy's: the same rule, said before anything is rendered, in the policy's words
(decision 0038; `tests/policies/test_one_rule_of_facts.py` puts both side by side).
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from tidegate.errors import Finding
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.stage import Stage
from tidegate.facts.tenant import Tier

TO_ZERO = (
    "a hot tier never scales to zero",
    "set min_replicas in the tenant's file (minReplicas), of the model to at least 2, of transformer and explainer to at least 1",
)
WITHOUT_CANARY = (
    "a critical or regulated model is released by canary",
    "set rollout.strategy to canary in the tenant's file (annotation tidegate.dev/rollout)",
)
WITHOUT_APPROVAL = (
    "a regulated model needs an approval",
    "set approval in the tenant's file (annotation tidegate.dev/approval, <system>/<group>/<approvers>)",
)


def tier_findings(
    source: str, tier: Tier, name: str, model: ServedModel, stages: AbstractSet[Stage] = frozenset({Stage.PRODUCTION})
) -> Iterator[Finding]:
    """Every contradiction between a tenant's tier and one of its models; `stages` are those of the tenant's clusters."""
    path = f"models.{name}"
    if tier.is_hot:
        yield from _hot_findings(source, tier, path, model)
        if Stage.PRODUCTION in stages:
            yield from _released_findings(source, tier, path, model)
    if tier == "regulated":
        yield from _regulated_findings(source, path, model)
    if Stage.PRODUCTION in stages and not tier.is_hot:
        yield from _replaced_findings(source, tier, path, model)
    gives_way = tier == "batch" or (model.rollout.strategy == "shadow" and not tier.is_hot)
    if gives_way and model.accelerator and model.capacity != "spot":
        what = "batch work" if tier == "batch" else "a shadow"
        yield Finding(source, f"{path}.capacity", "batch-off-spot", f"{what} holds a card at full price", "set spot", model.capacity)
    if tier == "batch" and model.scaling.min_replicas > 0 and model.accelerator:
        yield Finding(
            source, f"{path}.scaling.min_replicas", "batch-holds-gpu", "batch work must not hold a GPU while idle",
            "set 0", str(model.scaling.min_replicas),
        )  # fmt: skip


def _hot_findings(source: str, tier: Tier, path: str, model: ServedModel) -> Iterator[Finding]:
    floors = {"scaling": model.scaling, "transformer": model.transformer, "explainer": model.explainer}
    for field, part in floors.items():
        if part and part.min_replicas == 0:
            yield Finding(source, f"{path}.{field}.min_replicas", "forbid-zero-on-hot-tiers", *TO_ZERO, "0")
    if model.scaling.min_replicas == 1:
        yield Finding(
            source, f"{path}.scaling.min_replicas", "hot-tier-single-replica", f"tier {tier} must outlive a node",
            "set at least 2", "1",
        )  # fmt: skip
    if model.capacity == "spot":
        yield Finding(source, f"{path}.capacity", "hot-tier-on-spot", f"tier {tier} cannot run on spot", "remove it", "spot")


def _released_findings(source: str, tier: Tier, path: str, model: ServedModel) -> Iterator[Finding]:
    if model.scaling.mode == "standard":
        yield Finding(
            source, f"{path}.scaling.mode", "hot-tier-in-standard-mode", f"standard mode has no canary, which tier {tier} needs",
            "write knative", "standard",
        )  # fmt: skip
    elif model.rollout.strategy != "canary":
        yield Finding(source, f"{path}.rollout.strategy", "require-canary-and-approval", *WITHOUT_CANARY, model.rollout.strategy)


def _replaced_findings(source: str, tier: Tier, path: str, model: ServedModel) -> Iterator[Finding]:
    if model.rollout.replaces_at_once and tier != "batch" and model.scaling.mode != "standard":
        yield Finding(
            source, f"{path}.rollout.strategy", "pinned-in-production",
            f"a new version would take every request of tier {tier} at once, compared with nothing", "write canary or blue-green",
            model.rollout.strategy,
        )  # fmt: skip


def _regulated_findings(source: str, path: str, model: ServedModel) -> Iterator[Finding]:
    if model.approval is None:
        yield Finding(source, f"{path}.approval", "require-canary-and-approval", *WITHOUT_APPROVAL)
    if model.dense_pool:
        yield Finding(
            source, f"{path}.dense_pool", "regulated-in-dense-pool", "a regulated model shares no server with others",
            "serve it on its own",
        )  # fmt: skip
