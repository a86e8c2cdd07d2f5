"""Callers with a good token that stall with large bodies fill the local gateway; it neither dies nor stops answering others."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from clusters.components.network.gateway_memory import HEAP_MIB
from tests.acceptance.edge_client import connect
from tests.acceptance.running_platform import INVENTORY, Running, wait_for
from tidegate.embedded import prediction
from tidegate.facts import names

REGION, STALLED, OTHER = "live-2", "fraud/scorer", "merchants/anomaly"
TENANT = INVENTORY.tenants["fraud"]
CALLERS, SENT, ANNOUNCED = 280, 3_900_000, 4_000_000
"""Each keeps one answer from coming; together they hold more than the gateway's container may."""

FLOODING, FLOOD_BYTES = 50, 180 << 20
RecordProperty = Callable[[str, object], None]

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.touches(regions=[REGION], asks=["fraud", "merchants"], alone=True),
]


def gateway(platform: Running) -> tuple[int, int]:
    """The MiB on the local gateway's heap, and how often it was started again."""
    selector = f"--selector={names.GATEWAY_LABEL}={names.GATEWAY_LOCAL}"
    (pod,) = platform.read(REGION, "pods", f"--namespace={names.NAMESPACE_EDGE}", selector)["items"]
    restarts = sum(one["restartCount"] for one in pod["status"]["containerStatuses"])
    command = ["exec", pod["metadata"]["name"], f"--namespace={names.NAMESPACE_EDGE}", "--", "pilot-agent", "request", "GET", "memory"]
    return int(json.loads(platform.cluster(REGION).run(*command))["allocated"]) >> 20, restarts


class Callers:
    """Each opens a connection, sends a part of what it announced, and waits until it is answered, cut off, or told to end."""

    def __init__(self, platform: Running) -> None:
        self._platform = platform
        self._token = prediction.token_for(platform.local, TENANT, REGION)
        self._host = TENANT.host_in(INVENTORY.clusters[REGION].domain)
        self.ended = threading.Event()

    def send(self, announced: int, sent: int) -> str:
        head = (
            f"POST /scorer/v2/models/scorer/infer HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {announced}\r\n\r\n"
        )
        try:
            with connect(self._platform, REGION, self._host, timeout_seconds=1) as connection:
                connection.sendall(head.encode())
                left, piece = sent, bytes(1 << 16)
                while left > 0 and not self.ended.is_set():
                    try:
                        left -= connection.send(piece[:left])
                    except TimeoutError:  # nobody takes more just now
                        continue
                while not self.ended.is_set():
                    try:
                        answer = connection.recv(4096).decode()
                        reason = re.search(r'"reason": ?"(\w+)"', answer)
                        return f"{answer[9:12]} {reason[1] if reason else ''}".strip() or "closed"
                    except TimeoutError:
                        continue
        except OSError as error:
            return type(error).__name__
        return "stalled"


def test_stalled_bodies_leave_the_gateway_alive_and_others_answered(platform: Running, record_property: RecordProperty) -> None:
    before, restarts = gateway(platform)
    callers, heaps, answers = Callers(platform), [before], Counter[int]()
    with ThreadPoolExecutor(CALLERS) as pool:
        try:
            waiting = [pool.submit(callers.send, ANNOUNCED, SENT) for _ in range(CALLERS)]
            ends = time.monotonic() + 30
            while time.monotonic() < ends:
                answers[platform.ask(REGION, OTHER, timeout_seconds=20).status] += 1
                heaps.append(gateway(platform)[0])
        finally:
            callers.ended.set()
    record_property("heap_mib", {"before": before, "most": max(heaps)})
    record_property("callers", dict(Counter(one.result() for one in waiting)))
    record_property("answers_of_another_model", dict(answers))
    assert any("gateway_busy" in one.result() for one in waiting), "the bodies never filled the gateway"
    assert max(heaps) <= HEAP_MIB
    assert gateway(platform)[1] == restarts
    assert answers.keys() == {200}
    assert platform.ask(REGION, STALLED).status == 200


def test_fifty_bodies_that_would_kill_a_replica_are_refused_and_nothing_dies(platform: Running, record_property: RecordProperty) -> None:
    before, restarts = gateway(platform)
    callers, heaps = Callers(platform), [before]
    with ThreadPoolExecutor(FLOODING) as pool:
        try:
            waiting = [pool.submit(callers.send, FLOOD_BYTES, FLOOD_BYTES) for _ in range(FLOODING)]

            def left() -> int:
                heaps.append(gateway(platform)[0])
                return sum(not one.done() for one in waiting)

            wait_for("each body is refused", left, lambda count: count == 0, 90, 0.5)
        finally:
            callers.ended.set()
    ends = Counter(one.result() for one in waiting)
    record_property("heap_mib", {"before": before, "most": max(heaps)})
    record_property("callers", dict(ends))
    # One that only writes may see the connection end before it reads why (docs: clients).
    assert ends.keys() <= {
        "413 body_too_large",
        "503 gateway_busy",
        "closed",
        "BrokenPipeError",
        "ConnectionResetError",
        "SSLEOFError",
        "SSLZeroReturnError",
    }
    assert max(heaps) <= HEAP_MIB
    assert gateway(platform)[1] == restarts
    assert platform.ask(REGION, STALLED).status == 200
