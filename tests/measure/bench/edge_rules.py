"""What the rules of very many tenants cost a request at the edge: one Envoy on loopback, with what is rendered and without a mesh.

Rate limits are the rendered ones. Rules of `AuthorizationPolicy` are written as Istio writes them for Envoy, with headers in place of a
token's claims. `python -m tests.measure.bench.edge_rules` prints CPU microseconds of a request, for the first and the last tenant.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clusters.components.network import edge_limits, rate_limits
from tests.clusters import gateway_patches
from tests.clusters.workloads.dense_pool.programs import free_ports, site
from tests.measure.bench.many_tenants import CLUSTER, platform_of
from tidegate import tools
from tidegate.facts import names
from tidegate.facts.platform import Platform

REQUESTS = 4000
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_TENANT, _SUBJECT = names.HEADER_TENANT, names.HEADER_SUBJECT


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds of one request, and the proxy's memory in MiB."""

    first_us: float
    last_us: float
    memory_mib: int


def hosts(platform: Platform) -> list[str]:
    """Each tenant's host in the cluster, in the order of its rules."""
    cluster = platform.clusters[CLUSTER]
    return [tenant.host_in(cluster.domain) for tenant in platform.tenants_of(cluster.name)]


def bootstrap(platform: Platform, port: int, *, limits: bool, rules: bool) -> dict[str, object]:
    """Envoy's configuration: a virtual host for each tenant that answers `/scorer` itself, with the rendered limits before it."""
    filters: list[object] = [_rules(platform)] if rules else []
    if limits:
        filters += gateway_patches.of(rate_limits.objects(platform.clusters[CLUSTER], platform.tenants_of(CLUSTER))).filters
    filters.append({"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"}})
    route = {"match": {"path_separated_prefix": "/scorer"}, "direct_response": {"status": 200}}
    cluster = platform.clusters[CLUSTER]
    virtual = [
        {"name": tenant.name, "domains": edge_limits.hosts(cluster, tenant), "routes": [route]} for tenant in platform.tenants_of(CLUSTER)
    ]
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge", "codec_type": "HTTP1", "http_filters": filters, "route_config": {"virtual_hosts": virtual},
    }  # fmt: skip
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"static_resources": {"listeners": [{"address": address, "filter_chains": [chain]}]}}


def _rules(platform: Platform) -> object:
    policies: dict[str, object] = {}
    for name, tenant in sorted(platform.tenants.items()):
        host = tenant.host_in(platform.clusters[CLUSTER].domain)
        spelt = [{"exact": host, "ignore_case": True}, {"prefix": f"{host}:", "ignore_case": True}]
        asked = {"or_rules": {"rules": [{"header": {"name": ":authority", "string_match": one}} for one in spelt]}}
        subjects = [{"exact": subject} for subject in edge_limits.subjects(tenant)]
        who = {"or_ids": {"ids": [{"header": {"name": _SUBJECT, "string_match": one}} for one in subjects]}}
        claim = {"header": {"name": _TENANT, "string_match": {"exact": name}}}
        policies[name] = {"permissions": [{"and_rules": {"rules": [asked]}}], "principals": [{"and_ids": {"ids": [who, claim]}}]}
    config = {"@type": f"{_FILTERS}.http.rbac.v3.RBAC", "rules": {"action": "ALLOW", "policies": policies}}
    return {"name": "envoy.filters.http.rbac", "typed_config": config}


def envoy() -> str:
    """The binary that is pinned for the regions."""
    return str(site("locks/node.txt") / "envoy" / "_bin" / "envoy")


class Proxy:
    """A running Envoy and one connection to it."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.process, self._connection = process, connection

    def ask(self, host: str, path: str = "/scorer", count: int = 1, subject: str = "card-authorisation") -> Counter[int]:
        """How often each status came, of `count` requests of one caller one after the other."""
        tenant = host.split(".", maxsplit=1)[0]
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{_TENANT}: {tenant}\r\n{_SUBJECT}: {subject}\r\n\r\n".encode()
        statuses: Counter[int] = Counter()
        for _ in range(count):
            self._connection.sendall(head)
            answer = b""
            while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < _body_bytes(answer):
                answer += self._connection.recv(65536)
            statuses[int(answer.split(b" ", 2)[1])] += 1
        return statuses

    def cpu_us(self, host: str) -> float:
        """CPU microseconds of one request to `host`, the socket's included."""
        before = self._ticks()
        self.ask(host, count=REQUESTS)
        return round((self._ticks() - before) / os.sysconf("SC_CLK_TCK") / REQUESTS * 1e6, 1)

    @property
    def memory_mib(self) -> int:
        """Resident memory."""
        found = re.search(r"VmRSS:\s+([0-9]+)", Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8"))
        return int(found[1]) // 1024 if found else 0

    def _ticks(self) -> int:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])


def _body_bytes(answer: bytes) -> int:
    found = re.search(rb"(?i)content-length: ([0-9]+)", answer)
    return int(found[1]) if found else 0


@contextlib.contextmanager
def running(folder: Path, platform: Platform, *, limits: bool = True, rules: bool = True) -> Generator[Proxy]:
    """Envoy with the tenants' rules."""
    (port,) = free_ports(1)
    config = folder / f"envoy-{limits}-{rules}.json"
    config.write_text(json.dumps(bootstrap(platform, port, limits=limits, rules=rules)), encoding="utf-8")
    with started(config, port) as (process, connection):
        yield Proxy(process, connection)


@contextlib.contextmanager
def started(config: Path, port: int) -> Generator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """An Envoy with the configuration in a file, judged by its own `--mode validate` before it starts, and a connection to one of its ports."""
    tools.run([envoy(), "--mode", "validate", "--config-path", str(config), "--log-level", "error"])
    command = [envoy(), "--config-path", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    with subprocess.Popen(command) as process:
        try:
            with _connected(port, process) as connection:
                yield process, connection
        finally:
            process.terminate()


def _connected(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        time.sleep(0.1)
    raise AssertionError("Envoy did not start")


def measured(root: Path, tenants: int = 2000) -> dict[str, object]:
    """The cost with neither, with limits, with rules and with both."""
    platform = platform_of(root, tenants, 1)
    quick = {name: tenant.model_copy(update={"requests_per_second": 100_000}) for name, tenant in platform.tenants.items()}
    platform = Platform(platform.clusters, quick)
    first, *_, last = hosts(platform)
    found: dict[str, object] = {"tenants": tenants}
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as scratch:  # Envoy reads no configuration below /dev
        folder = Path(scratch)
        for name, limits, rules in (("neither", False, False), ("limits", True, False), ("rules", False, True), ("both", True, True)):
            with running(folder, platform, limits=limits, rules=rules) as proxy:
                proxy.ask(first, count=500)
                found[name] = asdict(Cost(proxy.cpu_us(first), proxy.cpu_us(last), proxy.memory_mib))
    return found


def summary(found: Mapping[str, Any]) -> str:
    """One line for each."""
    kinds: Sequence[str] = ("neither", "limits", "rules", "both")
    lines = [
        f"  {name}: {found[name]['first_us']} us first tenant, {found[name]['last_us']} us last, {found[name]['memory_mib']} MiB"
        for name in kinds
    ]
    return "\n".join([f"CPU of a request at one Envoy with {found['tenants']} tenants, by what it holds:", *lines])


if __name__ == "__main__":
    print(summary(measured(Path(__file__).resolve().parents[3])))
