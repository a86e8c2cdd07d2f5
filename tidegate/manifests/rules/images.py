"""Images: from the approved registry, and named so that they are the same bytes tomorrow.

The policies of the same names judge tenants' objects and runtimes; here every rendered object is judged, the platform's own too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts.names import APPROVED_REGISTRY, PLATFORM_IMAGES
from tidegate.manifests.placed import RUNTIMES, Placed, containers
from tidegate.manifests.policy_files import sentences

_REGISTRY, _DIGEST, _OWN_SERVER = sentences("require-approved-images", registry=APPROVED_REGISTRY)
_OF_A_NAMESPACE, _MIRROR, _PINNED, _ = sentences("require-pinned-runtimes", platform_images=PLATFORM_IMAGES)
"""The last is about formats: only `clusters` knows them."""

_BY_DIGEST = re.compile(r".*@sha256:[0-9a-f]{64}")
_BY_TAG = re.compile(rf"{re.escape(PLATFORM_IMAGES)}/[a-z0-9-]+:[0-9][A-Za-z0-9._-]*")
_EXACTLY = re.compile(r"[^:@]+(:[0-9][A-Za-z0-9._-]*|(:[0-9][A-Za-z0-9._-]*)?@sha256:[0-9a-f]{64})")


def require_approved_images(placed: Placed) -> Iterator[Finding]:
    """Only the approved registry is filled by the platform; tags are exact in the platform's own mirror alone."""
    if placed.kind in RUNTIMES:
        return
    for path, container, _pod in containers(placed):
        if path == "spec.predictor.model":
            for field in ("image", "runtimeVersion", "command"):
                if field in container:
                    yield placed.finding("require-approved-images", f"{path}.{field}", *_OWN_SERVER, container[field])
            continue
        image = str(container.get("image", ""))
        if not image.startswith(f"{APPROVED_REGISTRY}/"):
            yield placed.finding("require-approved-images", f"{path}.image", *_REGISTRY, image)
        if not _BY_DIGEST.fullmatch(image) and not _BY_TAG.fullmatch(image):
            yield placed.finding("require-approved-images", f"{path}.image", *_DIGEST, image)


def require_pinned_runtimes(placed: Placed) -> Iterator[Finding]:
    """A model server is part of what was tested."""
    if placed.kind not in RUNTIMES:
        return
    if placed.kind == "ServingRuntime":
        yield placed.finding("require-pinned-runtimes", "kind", *_OF_A_NAMESPACE, placed.kind)
    for path, container, _pod in containers(placed):
        image = str(container.get("image", ""))
        if not image.startswith(f"{PLATFORM_IMAGES}/"):
            yield placed.finding("require-pinned-runtimes", f"{path}.image", *_MIRROR, image)
        if not _EXACTLY.fullmatch(image):
            yield placed.finding("require-pinned-runtimes", f"{path}.image", *_PINNED, image)


RULES = (require_approved_images, require_pinned_runtimes)
