"""Only builds that this region lists run under the names of our own images; tried with another digest, in a tenant's namespace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.attack.pods import outside
from tidegate.errors import ToolError
from tidegate.facts.models.images import WORKLOAD_IMAGES
from tidegate.facts.names import PLATFORM_IMAGES

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

FOREIGN = f"sha256:{'2' * 64}"
TENANT = INVENTORY.tenants["fraud"]
NAMESPACES = {tenant.namespace_name for tenant in INVENTORY.tenants.values()}


def listed(platform: Running, region: str) -> str:
    policy = platform.read(region, "validatingadmissionpolicy", "tenant-pods")
    (text,) = (one["expression"] for one in policy["spec"]["variables"] if one["name"] == "require_catalogued_image_catalogue")
    return str(text)


def images_of(pod: Any) -> list[str]:
    return [one["image"] for one in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])]


@pytest.mark.parametrize("region", REGIONS)
def test_every_image_of_ours_that_runs_is_listed(platform: Running, region: str) -> None:
    text = listed(platform, region)
    ours = tuple(f"{PLATFORM_IMAGES}/{name}{sign}" for name in WORKLOAD_IMAGES for sign in ":@")
    pods = [one for one in platform.read(region, "pods", "--all-namespaces")["items"] if one["metadata"]["namespace"] in NAMESPACES]
    running = {image for pod in pods for image in images_of(pod) if image.startswith(ours)}
    assert running
    assert [image for image in running if image.rpartition("@")[2] not in text] == []


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    ("image", "told"),
    [
        pytest.param(f"mlserver@{FOREIGN}", "require-catalogued-image: the digest of an image of the platform's own code is not in the signed list", id="foreign-digest"),
        pytest.param(f"model-verifier:0.9.0@{FOREIGN}", "require-catalogued-image: the digest", id="foreign-verifier"),
        pytest.param("mlserver:0.9.0", "require-catalogued-image: an image of the platform's own code has no digest", id="tag"),
    ],
)  # fmt: skip
def test_other_bytes_under_its_name_are_refused(platform: Running, region: str, image: str, told: str) -> None:
    pod = outside(TENANT, f"{PLATFORM_IMAGES}/{image}")
    with pytest.raises(ToolError) as refused:
        platform.cluster(region).run("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))
    assert told in refused.value.stderr


@pytest.mark.parametrize("region", REGIONS)
def test_listed_build_is_let_in(platform: Running, region: str) -> None:
    digest = listed(platform, region).partition(f"'{PLATFORM_IMAGES}/model-verifier': ['")[2][: len(FOREIGN)]
    pod = outside(TENANT, f"{PLATFORM_IMAGES}/model-verifier@{digest}")
    assert "created" in platform.cluster(region).run("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))
