"""Served models: fixed artefacts, and users moved by no other way than a release."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts.names import ANNOTATION_MODEL_SHA256
from tidegate.manifests.placed import Placed, fields
from tidegate.manifests.policy_files import sentences

(_PERCENT,) = sentences("forbid-canary-percent")
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
    """Users are moved by a Route that names revisions; KServe's percent would move others, at the sync."""
    if placed.kind != "InferenceService":
        return
    for part in ("predictor", "transformer", "explainer"):
        percent = fields(placed.spec.get(part)).get("canaryTrafficPercent")
        if percent is not None:
            yield placed.finding("forbid-canary-percent", f"spec.{part}.canaryTrafficPercent", *_PERCENT, percent)


RULES = (forbid_canary_percent, require_immutable_model)
