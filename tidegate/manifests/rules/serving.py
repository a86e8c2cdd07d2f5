"""Served models: fixed artefacts, no hand on the release controller's fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts.names import ANNOTATION_MODEL_SHA256
from tidegate.manifests.placed import Placed, fields
from tidegate.manifests.policy_files import sentences

_, _NO_VERSION, _NO_DIGEST, *_ = sentences("require-immutable-model")
"""The first needs the cluster's bucket; the others are about fields that nothing here renders."""

_ONE_VERSION = re.compile(r"s3://[^/]+/[^/]+/[a-z0-9-]+/[0-9][A-Za-z0-9.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def require_immutable_model(placed: Placed) -> Iterator[Finding]:
    """The bytes under the URI must be those that were approved; verification and the ledger compare with the digest."""
    if placed.kind != "InferenceService":
        return
    uri = str(fields(fields(placed.spec.get("predictor")).get("model")).get("storageUri", ""))
    if not _ONE_VERSION.fullmatch(uri):
        yield placed.finding("require-immutable-model", "spec.predictor.model.storageUri", *_NO_VERSION, uri)
    digest = str(fields(placed.metadata.get("annotations")).get(ANNOTATION_MODEL_SHA256, ""))
    if not _SHA256.fullmatch(digest):
        yield placed.finding("require-immutable-model", f"metadata.annotations[{ANNOTATION_MODEL_SHA256}]", *_NO_DIGEST, digest)


def forbid_canary_percent(placed: Placed) -> Iterator[Finding]:
    """Two owners of one field fight: Argo CD would undo an abort. `limit-canary-traffic` judges what the controller writes."""
    percent = fields(placed.spec.get("predictor")).get("canaryTrafficPercent")
    if placed.kind == "InferenceService" and percent is not None:
        at = "spec.predictor.canaryTrafficPercent"
        yield placed.finding("forbid-canary-percent", at, "the release controller owns it", "remove it", percent)


RULES = (forbid_canary_percent, require_immutable_model)
