"""Every bad token is refused, each with its own status, and the edge serves on as if nothing had been."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.bad_tokens import BAD, STATUS, TOLERATED, Forge
from tests.acceptance.edge_client import connect
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.embedded.machines import network
from tidegate.facts import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=["fraud", "credit"])]

FRAUD, CREDIT = INVENTORY.tenants["fraud"], INVENTORY.tenants["credit"]


@pytest.fixture(scope="module")
def forges(platform: Running) -> dict[str, Forge]:
    return {region: forge(platform, region) for region in REGIONS}


def forge(platform: Running, region: str) -> Forge:
    cluster, sample = INVENTORY.clusters[region], platform.sample("fraud/scorer")
    return Forge(
        folder=platform.local.machine(network.INTERNET).folder / "pki", issuer=cluster.token_issuer, host=FRAUD.host_in(cluster.domain),
        other_host=CREDIT.host_in(cluster.domain), path=f"/scorer{sample.path}", body=json.dumps(sample.request).encode(),
    )  # fmt: skip


def send(platform: Running, region: str, host: str, request: bytes) -> tuple[int, str]:
    """The bytes as they are, over TLS: the status and the body's beginning."""
    received = b""
    with connect(platform, region, host, timeout_seconds=20) as connection:
        try:
            connection.sendall(request)
            while not is_whole(received) and (block := connection.recv(65536)):
                received += block
        except ConnectionError:  # the edge stops reading what is too large, and may say so first
            pass
    assert received.startswith(b"HTTP/1.1 "), f"no answer: {received[:100]!r}"
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body[:300].decode(errors="replace")


def is_whole(received: bytes) -> bool:
    """Whether an answer is there with all of its body; after some the edge keeps the connection for another second."""
    head, found, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    return bool(found and length and len(body) >= int(length[1]))


def restarts(platform: Running, region: str) -> dict[str, int]:
    selector = f"--selector={names.GATEWAY_LABEL}={names.GATEWAY_EDGE}"
    pods: list[dict[str, Any]] = platform.read(region, "pods", f"--namespace={names.NAMESPACE_EDGE}", selector)["items"]
    return {one["metadata"]["name"]: sum(each["restartCount"] for each in one["status"]["containerStatuses"]) for one in pods}


@pytest.fixture(scope="module")
def before(platform: Running) -> dict[str, dict[str, int]]:
    return {region: restarts(platform, region) for region in REGIONS}


def test_every_bad_token_has_a_status_of_its_own() -> None:
    assert sorted(STATUS) == sorted(BAD)
    assert len(BAD) >= 25
    assert all(400 <= status < 500 for status in STATUS.values())


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_token_is_refused(platform: Running, forges: dict[str, Forge], region: str, name: str) -> None:
    made = forges[region]
    status, body = send(platform, region, made.host, BAD[name](made))
    assert status == STATUS[name], f"{name}: {status} {body}"


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", sorted(TOLERATED))
def test_other_spelling_of_a_right_request_is_served(platform: Running, forges: dict[str, Forge], region: str, name: str) -> None:
    made = forges[region]
    status, body = send(platform, region, made.host, TOLERATED[name](made))
    assert status == 200, f"{name}: {status} {body}"


@pytest.mark.parametrize("region", REGIONS)
def test_edge_has_survived_all_of_them(
    platform: Running, forges: dict[str, Forge], region: str, before: dict[str, dict[str, int]], record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    made = forges[region]
    status, body = send(platform, region, made.host, made.bearer(made.token()))
    assert status == 200, body
    assert restarts(platform, region) == before[region]
    record_property("bad tokens", len(BAD))
