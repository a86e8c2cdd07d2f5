"""What the list of images leads to: the digests that admission lets in, and the digest that production's objects name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from clusters import cluster_tree
from clusters.components.admission import policies
from clusters.components.serving.images import DENSE_POOL, RUNTIMES, pinned
from tests.root import ROOT
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.models.images import KEPT, WORKLOAD_IMAGES, BuiltImage, admitted, kept, pins
from tidegate.facts.models.served_model import Runtime
from tidegate.facts.names import PLATFORM_IMAGES
from tidegate.facts.platform import Platform

TAG = RUNTIMES[Runtime.MLSERVER_SKLEARN].rpartition(":")[2]


def built(name: str, digit: str, tag: str = TAG) -> BuiltImage:
    return BuiltImage(name=name, tag=tag, digest=f"sha256:{digit * 64}")


IMAGES = (built("mlserver", "1"), built("dense-pool", "2"), built("mlserver", "3"))


def catalogue(platform: Platform) -> dict[str, list[str]]:
    """What the policy's expression holds; CEL's quotes are JSON's in another form."""
    (policy,) = (
        one for one, _ in policies.by_folder(platform, platform.clusters["live-1"]) if one["metadata"]["name"] == "require-catalogued-image"
    )
    (text,) = (each["expression"] for each in policy["spec"]["variables"] if each["name"] == "catalogue")
    return yaml.safe_load(text)


def test_workload_images_are_those_that_hold_our_code_and_are_nobody_elses() -> None:
    listed: dict[str, Any] = yaml.safe_load((ROOT / "clusters/embedded/images/images.yaml").read_text(encoding="utf-8"))["images"]
    ours = sorted(name for name, image in listed.items() if image.get("sources") and "repository" not in image)
    assert tuple(ours) == WORKLOAD_IMAGES


def test_policy_holds_every_listed_digest_and_every_name(platform: Platform) -> None:
    assert catalogue(platform) == {f"{PLATFORM_IMAGES}/{name}": [] for name in WORKLOAD_IMAGES}, "nothing is committed, nothing is let in"
    found = catalogue(replace(platform, images=IMAGES))
    assert found == admitted(IMAGES)
    assert found[f"{PLATFORM_IMAGES}/mlserver"] == [f"sha256:{'1' * 64}", f"sha256:{'3' * 64}"]


def test_production_names_the_last_listed_digest_of_a_release(platform: Platform) -> None:
    images = (*IMAGES, built("mlserver", "9", "9.9.9"))
    text = str([one.manifest for one in pinned(cluster_tree.objects(replace(platform, images=images)), pins(images))])
    assert f"{RUNTIMES[Runtime.MLSERVER_SKLEARN]}@sha256:{'3' * 64}" in text
    assert f"{DENSE_POOL}@sha256:{'2' * 64}" in text
    assert f"{RUNTIMES[Runtime.MLSERVER_SKLEARN]}'" not in text
    assert f"mlserver:9.9.9@sha256:{'9' * 64}" not in text, "another release is let in and named by nobody"


def test_embedded_regions_let_in_what_they_built_and_not_what_was_published(platform: Platform) -> None:
    facts = EmbeddedFacts(repository_url="git://git.example.com/tidegate", edge_addresses={"live-1": "192.0.2.1"}, images=IMAGES[:1])
    here = embed(replace(platform, images=IMAGES), facts)
    assert catalogue(here)[f"{PLATFORM_IMAGES}/mlserver"] == [f"sha256:{'1' * 64}"]
    assert catalogue(here)[f"{PLATFORM_IMAGES}/dense-pool"] == []


def test_the_last_versions_are_kept_of_each_image() -> None:
    many = [built("mlserver", f"{number:x}") for number in range(KEPT + 2)]
    assert kept([built("dense-pool", "0"), *many]) == [built("dense-pool", "0"), *many[2:]]
