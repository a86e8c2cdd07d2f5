"""Models that Knative would give up on before they are up: the budget of the facts against the deadline of the rendered object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.errors import Finding
from tidegate.facts import numerals
from tidegate.facts.cold_start import DEFAULT_DEADLINE_SECONDS, cold_start
from tidegate.facts.names import LABEL_TENANT
from tidegate.facts.platform import Platform
from tidegate.manifests.placed import Placed, fields
from tidegate.manifests.tree import name_of

RULE = "cold-start-over-deadline"
DEADLINE = "serving.knative.dev/progress-deadline"


def cold_start_findings(platform: Platform, cluster: str, objects: Sequence[Placed]) -> Iterator[Finding]:
    """A finding for each InferenceService among `objects`, all of one cluster, whose budget is above its deadline.

    One of a tenant that has no file, or in Standard mode, where nobody gives up, is not judged.
    """
    for placed in objects:
        tenant = platform.tenants.get(str(fields(placed.metadata.get("labels")).get(LABEL_TENANT, "")))
        model = tenant.models.get(name_of(placed.manifest)) if tenant and placed.kind == "InferenceService" else None
        if model is None or model.scaling.mode != "knative":
            continue
        budget = cold_start(platform.clusters[cluster], model)
        annotated = str(fields(fields(placed.spec.get("predictor")).get("annotations")).get(DEADLINE, ""))
        deadline = _seconds(annotated)
        at = f"spec.predictor.annotations[{DEADLINE}]"
        if deadline is None:
            yield placed.finding("cold-start-deadline", at, "is no number of seconds", "write such as 1800s", annotated)
        elif budget.seconds > deadline:
            yield placed.finding(
                RULE, at,
                f"from nothing the model takes {numerals.seconds(budget.seconds)} ({budget}), and Knative gives up after {deadline}",
                "state the weights' size_gib or measured phases in the tenant's file, make the model smaller, or raise "
                "LONGEST_DEADLINE_SECONDS in tidegate/facts/cold_start.py",
                annotated,
            )  # fmt: skip


def _seconds(annotated: str) -> int | None:
    if not annotated:
        return DEFAULT_DEADLINE_SECONDS
    number = annotated.removesuffix("s")
    return int(number) if annotated.endswith("s") and number.isdecimal() else None
