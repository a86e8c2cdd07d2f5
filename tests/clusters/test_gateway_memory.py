"""Callers that stall with large bodies neither kill the local gateway nor stop others: two real Envoys on loopback."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.network import body_limits, gateway_memory
from tests.clusters.edge_proxies import towards_local
from tests.clusters.workloads.dense_pool.programs import free_ports
from tests.measure.bench.edge_rules import started
from tidegate.facts.platform import Platform

HEAP_MIB, BESIDE_MIB = 160, 160
STALLED = {"large": (120, 3_900_000), "small": (280, 900_000)}
"""Callers and bytes: nearly three times the heap, and half as much again; each body lacks its last bytes."""

TYPES = "type.googleapis.com/envoy.extensions"


def listener(port: int, filters: list[object], route: Mapping[str, object]) -> dict[str, object]:
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "one",
        "http_filters": [*filters, router],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}]}]},
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "filter_chains": [chain]}


def upstream(platform: Platform, port: int) -> dict[str, object]:
    """The local gateway as the edge knows it."""
    point = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    return {
        **towards_local(platform),
        "name": "local",
        "type": "STATIC",
        "circuit_breakers": {"thresholds": [{"max_connections": 9999, "max_pending_requests": 9999, "max_requests": 9999}]},
        "load_assignment": {"cluster_name": "local", "endpoints": [{"lb_endpoints": [point]}]},
    }


@contextlib.contextmanager
def proxies(platform: Platform, folder: Path) -> Generator[tuple[int, subprocess.Popen[bytes]]]:
    """The edge's port, and the local gateway's process."""
    edge, local = free_ports(2)
    limit = next(iter(body_limits.objects(platform, platform.clusters["live-1"])))
    buffer = cast("Any", limit)["spec"]["configPatches"][0]["patch"]["value"]
    inner = {
        "static_resources": {"listeners": [listener(local, [buffer], {"direct_response": {"status": 200}})]},
        **gateway_memory.bootstrap(HEAP_MIB),
    }
    onward = {"route": {"cluster": "local", "timeout": "60s"}}
    outer = {"static_resources": {"listeners": [listener(edge, [], onward)], "clusters": [upstream(platform, local)]}}
    for name, config in (("local", inner), ("edge", outer)):
        (folder / f"{name}.json").write_text(json.dumps(config), encoding="utf-8")
    with started(folder / "local.json", local) as (process, _), started(folder / "edge.json", edge):
        yield edge, process


class Memory(threading.Thread):
    """Looks at a process until it is told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status, self._stopped = Path(f"/proc/{pid}/status"), threading.Event()
        self.most_mib = 0

    def run(self) -> None:
        while not self._stopped.wait(0.02):
            line = next(one for one in self._status.read_text(encoding="ascii").splitlines() if one.startswith("VmRSS"))
            self.most_mib = max(self.most_mib, int(line.split()[1]) >> 10)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def small_request(port: int) -> bytes:
    """The status of one, tried again for some seconds as `Retry-After` asks."""
    tries = 8
    while (answer := _asked_once(port)).endswith(b"503") and (tries := tries - 1):
        time.sleep(1)
    return answer


def _asked_once(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: model\r\n\r\n")
        return caller.recv(200)[:12]


def send(left: dict[socket.socket, memoryview], seconds: float) -> None:
    """Each sends as much of what is left of its body as it is let, until all is sent, lost, or the time is over."""
    moving, ends = selectors.DefaultSelector(), time.monotonic() + seconds
    for caller in left:
        caller.setblocking(False)
        moving.register(caller, selectors.EVENT_WRITE)
    while left and time.monotonic() < ends:
        for key, _ in moving.select(1):
            caller = cast("socket.socket", key.fileobj)
            with contextlib.suppress(OSError):
                left[caller] = left[caller][caller.send(left[caller][: 1 << 18]) :]
                if left[caller]:
                    continue
            moving.unregister(caller)
            del left[caller]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("bodies", STALLED)
def test_stalled_bodies_of_more_than_the_heap_leave_the_gateway_alive_and_small_requests_answered(
    platform: Platform, tmp_path: Path, bodies: str
) -> None:
    count, size = STALLED[bodies]
    head = f"POST / HTTP/1.1\r\nHost: model\r\nContent-Length: {size + 9}\r\n\r\n".encode()
    with proxies(platform, tmp_path) as (port, gateway), contextlib.ExitStack() as stack:
        memory = Memory(gateway.pid)
        memory.start()
        callers = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(count)]
        for caller in callers:
            caller.sendall(head)
        left, answers = {caller: memoryview(bytes(size)) for caller in callers}, list[bytes]()
        for _ in range(3):
            send(left, 4)
            answers.append(small_request(port))
        memory.stop()
        assert gateway.poll() is None
    assert memory.most_mib > HEAP_MIB / 2.5, "the bodies never reached the gateway"
    assert memory.most_mib < HEAP_MIB + BESIDE_MIB, "the gateway held more than its container may"
    assert answers == [b"HTTP/1.1 200"] * 3


def test_heap_leaves_room_in_the_containers_limit() -> None:
    assert gateway_memory.HEAP_MIB + 150 <= gateway_memory.LIMIT_MIB


def test_each_request_has_a_connection_of_its_own_and_a_small_window(platform: Platform) -> None:
    """On a shared one, who cancels many requests ends those of others, and who reads nothing stops them."""
    (options,) = towards_local(platform)["typed_extension_protocol_options"].values()
    http2 = options["explicit_http_config"]["http2_protocol_options"]
    assert http2["max_concurrent_streams"] == 1
    assert http2["initial_stream_window_size"] <= 1 << 18
