"""Connections that nobody closes under a request: idle ones at model servers."""

from __future__ import annotations

import pytest

from tests.acceptance.running_platform import REGIONS, Running
from tidegate.facts import names

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(regions=[REGIONS[0]], asks=[])]

IDLE_SECONDS = 8
"""Longer than uvicorn's 5 s; queue-proxy would keep the connection for 90."""

ASK_TWICE = f"""
import http.client, time
connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=20)
def ask():
    connection.request("GET", "/")
    connection.getresponse().read()
    return connection.sock
first = ask()
time.sleep({IDLE_SECONDS})
assert first is not None and ask() is first, "closed while idle"
print("kept")
"""


@pytest.mark.parametrize(
    ("namespace", "model", "part"),
    [("tenant-fraud", "scorer", "predictor"), ("tenant-credit", "decision", "transformer"), ("tenant-credit", "decision", "explainer")],
)
def test_server_keeps_a_connection_that_is_idle(platform: Running, namespace: str, model: str, part: str) -> None:
    selector = f"--selector={names.KSERVE_LABEL_MODEL}={model},{names.KSERVE_LABEL_PART}={part}"
    pods = platform.read(REGIONS[0], "pods", f"--namespace={namespace}", selector)["items"]
    (pod, *_) = [one["metadata"]["name"] for one in pods if "deletionTimestamp" not in one["metadata"]]
    command = ["exec", pod, f"--namespace={namespace}", "--container=kserve-container", "--", "python3", "-c", ASK_TWICE]
    assert platform.cluster(REGIONS[0]).run(*command).strip() == "kept"
