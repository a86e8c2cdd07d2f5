"""What a caller inside the mesh meets: the local gateway, and no edge."""

from __future__ import annotations

import pytest

from tests.acceptance.running_platform import REGIONS, Running
from tidegate.facts import names

pytestmark = [pytest.mark.timeout(120), pytest.mark.touches(regions=[REGIONS[0]], asks=["fraud"])]

NAMESPACE, MODEL = "tenant-fraud", "scorer"

ASK = """
import http.client, sys
host, path, *offers = sys.argv[1:]
for offer in offers:
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", path, headers={"Upgrade": offer, "Connection": "Upgrade"})
    print(connection.getresponse().status)
"""


def test_offered_upgrades_are_ignored(platform: Running) -> None:
    """As at the edge; Apache HttpClient offers TLS with each request over plain HTTP."""
    selector = f"--selector={names.KSERVE_LABEL_MODEL}={MODEL}"
    pods = platform.read(REGIONS[0], "pods", f"--namespace={NAMESPACE}", selector)["items"]
    (pod, *_) = [one["metadata"]["name"] for one in pods if "deletionTimestamp" not in one["metadata"]]
    asked = [
        names.cluster_local_host(f"{MODEL}-predictor", NAMESPACE),
        f"/v2/models/{MODEL}/ready",
        "TLS/1.2",
        "h2c",
        "HTTP/2.0",
        "websocket",
    ]
    inside = ["exec", pod, f"--namespace={NAMESPACE}", "--container=kserve-container", "--", "python3", "-c", ASK, *asked]
    assert platform.cluster(REGIONS[0]).run(*inside).split() == ["200"] * 4
