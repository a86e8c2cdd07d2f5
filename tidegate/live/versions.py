"""Which version of a model answers, and which is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.live.observed import InferenceService, Observed
from tidegate.live.observed_pods import KSERVE_ANNOTATION_SOURCE, Pod
from tidegate.live.observed_routes import Revision


def wanted_version(service: InferenceService | None) -> str:
    """What was asked for last."""
    return _version_in(service.spec.predictor.model.storage_uri) if service else ""


def serving_version(shares: Mapping[str, int], revisions: Sequence[Revision], pods: Sequence[Pod]) -> str:
    """What has traffic, the largest share first; in Standard mode, which has no revisions, what the ready pods have loaded."""
    if not shares:
        loaded = sorted({_version_of(pod) for pod in pods if pod.is_ready and not pod.revision})
        return ", ".join(one for one in loaded if one)
    of_revision = {pod.revision: _version_of(pod) for pod in pods} | {one.metadata.name: _version_of(one) for one in revisions}
    by_share = sorted(shares, key=lambda revision: (-shares[revision], revision))
    return ", ".join(dict.fromkeys(of_revision.get(revision) or "unknown" for revision in by_share))


def _version_of(loading: Observed) -> str:
    return _version_in(loading.metadata.annotations.get(KSERVE_ANNOTATION_SOURCE, ""))


def _version_in(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]
