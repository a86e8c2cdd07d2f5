"""The region that add-ons are rendered for: its inventory, its facts and its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.contracts.rendering import RegionFacts
from tidegate.errors import Finding, ManifestError
from tidegate.facts.cluster import Cluster


@dataclass(frozen=True, slots=True)
class AddOnRegion:
    """Inventory, facts and images of one region. Images are full references, by the names in `clusters.addons`."""

    cluster: Cluster
    facts: RegionFacts
    images: Mapping[str, str]

    def image(self, name: str) -> str:
        """The reference of an image, which must carry a digest: a tag could be another image tomorrow."""
        reference = self.images.get(name)
        if reference is None:
            raise ManifestError(
                [Finding("request.json", f"images.{name}", "image-missing", "no such image", "build it: `tidegate local build`")]
            )
        if "@sha256:" not in reference:
            remedy = "write name:tag@sha256:<digest>"
            raise ManifestError([Finding("request.json", f"images.{name}", "image-not-pinned", "has no digest", remedy, reference)])
        return reference
