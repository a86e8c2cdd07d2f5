"""The workload images that cases may name: one of MLServer, two of the n-gram server, one of the verifier and none of the dense pool."""

from __future__ import annotations

from dataclasses import replace

from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.models.images import BuiltImage
from tidegate.facts.platform import Platform

IMAGES = tuple(
    BuiltImage(name=name, tag="1.7.1", digest=f"sha256:{digit * 64}")
    for name, digit in (("mlserver", "1"), ("ngram-server", "3"), ("ngram-server", "4"), ("model-verifier", "5"))
)


def listed_platform() -> Platform:
    """The committed platform with that list."""
    return replace(inventory.load(ROOT), images=IMAGES)
