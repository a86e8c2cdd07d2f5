"""The programs of the path as processes on loopback: model server, queue-proxy, sidecar, local gateway and two edges.

Not even `kill -9` of the benchmark leaves them behind (`tests.admission_server.start_program`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.addons import at_rest
from clusters.components.network import request_log
from clusters.components.serving.runtimes import serving_runtime
from clusters.workloads import verified_model
from tests.admission_server import start_program
from tests.clusters.edge_proxies import bootstrap, listener, rbac, router, upstream
from tests.clusters.workloads.app_folder import make_app_folder
from tests.clusters.workloads.dense_pool.programs import await_status, free_ports, site
from tests.measure.bench.edge_path.mesh import EDGE, LOCAL, SIDECAR, Mesh
from tests.measure.bench.edge_rules import envoy
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import example_models
from tidegate.embedded.builds.go_programs import build
from tidegate.embedded.model_index import Sample, find_version, read_sample
from tidegate.errors import UsageError
from tidegate.facts import ports
from tidegate.facts.models.served_model import Runtime
from tidegate.facts.platform import Platform
from tidegate.signing.bundles import sign_version, verify_version
from tidegate.signing.keys import embedded_signer

MODEL = "fraud/scorer/1"
PROXIES = ("sidecar", "local gateway", "edge", "edge with checks")
NAMES = ("server", "queue-proxy", *PROXIES)
START_SECONDS = 60
_UNLIMITED = {"tenant": 10_000_000, "caller": 10_000_000}
"""Buckets that no run empties. They are asked and counted for each request all the same."""

_HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_QUEUE = "knative-queue"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Running:
    """All programs of the path: processes and ports by name, the sample that is asked, and what callers believe."""

    processes: Mapping[str, tools.ServerProcess]
    listening: Mapping[str, int]
    sample: Sample
    mesh: Mesh


@contextlib.contextmanager
def running(folder: Path, checkout: Checkout, platform: Platform, tell: Tell) -> Generator[Running]:
    """The programs, started and ready; they end with the block."""
    listening: dict[str, int] = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    mesh, processes = Mesh(folder / "mesh"), dict[str, tools.ServerProcess]()
    with contextlib.ExitStack() as stack:

        def start(name: str, command: Sequence[str]) -> Path:
            log = folder / f"{name}.log"
            processes[name] = start_program(command, log)
            stack.callback(tools.stop_server, processes[name], grace_seconds=2)
            return log

        tell(f"starting the model server with {MODEL}, signed and verified")
        model, sample = _model(folder, checkout)
        log = start("server", _server(folder, checkout, model, listening["server"]))
        await_status(("127.0.0.1", listening["server"]), "/v2/models/scorer/ready", processes["server"], log)
        tell("starting queue-proxy, sidecar, local gateway and edge")
        program = build(checkout, lambda name, what: tell(f"{name}: {what}"), [_QUEUE])[_QUEUE]
        _refuse_taken(ports.QUEUE_ADMIN_PORT, ports.QUEUE_METRICS_PORT)
        log = start("queue-proxy", _queue_proxy(program, listening["queue-proxy"], listening["server"]))
        await_port(listening["queue-proxy"], processes["queue-proxy"], log)
        start_proxies(folder, platform, mesh, listening, start)
        for name in PROXIES:
            await_port(listening[name], processes[name], folder / f"{name}.log")
        yield Running(processes, listening, sample, mesh)


def start_proxies(
    folder: Path, platform: Platform, mesh: Mesh, listening: Mapping[str, int], start: Callable[[str, Sequence[str]], object]
) -> None:
    """The Envoys of the path, each judged by its own `--mode validate` before it starts."""
    for name, document in _proxies(platform, mesh, listening, folder).items():
        config = folder / f"{name}.json"
        config.write_text(json.dumps(document), encoding="utf-8")
        tools.run([envoy(), "--mode", "validate", "--config-path", str(config), "--log-level", "error"])
        command = [envoy(), "--config-path", str(config), "--concurrency", str(at_rest.PROXY_THREADS), "--disable-hot-restart"]
        start(name, [*command, "--log-level", "warning"])


def _model(folder: Path, checkout: Checkout) -> tuple[Path, Sample]:
    """The version's files, signed with a key of the run and verified as a pod does it before its server starts."""
    trained = example_models.train(checkout)
    version = find_version(trained, MODEL)
    if version is None:
        raise UsageError(f"{MODEL} is not among the trained models; it is in clusters/embedded/demo/training")
    files = folder / "model"
    shutil.copytree(trained / version.path, files)
    signer = embedded_signer("edge-path", folder / "keys")
    stated = sign_version(files, MODEL, signer)
    verify_version(files, MODEL, stated.sha256, stated.key_id, signer.public_pem())
    verified_model.write(files, MODEL, stated.sha256)
    return files, read_sample(trained, version)


def _with(environment: Mapping[str, str], command: Sequence[str]) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in environment.items()), *command]


def _server(folder: Path, checkout: Checkout, model: Path, port: int) -> list[str]:
    app, (grpc, metrics) = make_app_folder("mlserver", folder / "app"), free_ports(2)
    (container,) = serving_runtime(Runtime.MLSERVER_LIGHTGBM)["spec"]["containers"]
    environment = {one["name"]: one.get("value", "") for one in container.get("env", []) if "{{" not in one.get("value", "")} | {
        "PYTHONPATH": f"{app}:{site('locks/serving-mlserver.txt')}", "PYTHONDONTWRITEBYTECODE": "1", "MLSERVER_MODEL_NAME": "scorer",
        "MLSERVER_HOST": "127.0.0.1", "MLSERVER_HTTP_PORT": str(port), "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics), "K_REVISION": "scorer-predictor-00001",
    }  # fmt: skip
    return _with(environment, [str(checkout.python), "-S", "-m", "clusters.workloads.mlserver.server", "start", str(model)])


def _queue_proxy(program: Path, port: int, behind: int) -> list[str]:
    """As Knative's controller configures it (knative.dev/serving, pkg/reconciler/revision/resources/queue.go)."""
    tls, scraped = free_ports(2)
    probe = {"httpGet": {"path": "/v2/models/scorer/ready", "port": behind, "host": "127.0.0.1", "scheme": "HTTP"}, "periodSeconds": 1}
    # As clusters/addons/knative.py asks for it, at a port that is free.
    observed = {"requestMetrics": {"protocol": "prometheus", "endpoint": f"127.0.0.1:{scraped}"}}
    environment = {
        "CONTAINER_CONCURRENCY": "0", "QUEUE_SERVING_PORT": str(port), "QUEUE_SERVING_TLS_PORT": str(tls), "USER_PORT": str(behind),
        "REVISION_TIMEOUT_SECONDS": "300", "SERVING_READINESS_PROBE": json.dumps(probe), "SERVING_LOGGING_CONFIG": "",
        "SERVING_LOGGING_LEVEL": "", "OBSERVABILITY_CONFIG": json.dumps(observed), "SERVING_NAMESPACE": "tenant-fraud",
        "SERVING_SERVICE": "scorer-predictor", "SERVING_CONFIGURATION": "scorer-predictor", "SERVING_REVISION": "scorer-predictor-00001",
        "SERVING_POD": "scorer-predictor-00001-0", "SERVING_POD_IP": "127.0.0.1", "HOST_IP": "127.0.0.1", "ROOT_CA": "",
        "SYSTEM_NAMESPACE": "knative-serving", "ENABLE_HTTP2_AUTO_DETECTION": "false", "ENABLE_HTTP_FULL_DUPLEX": "false",
        "ENABLE_MULTI_CONTAINER_PROBES": "false",
    }  # fmt: skip
    return _with(environment, [str(program)])


def _proxies(platform: Platform, mesh: Mesh, listening: Mapping[str, int], folder: Path) -> dict[str, dict[str, Any]]:
    local, sidecar = listening["local gateway"], listening["sidecar"]
    found = {"sidecar": _sidecar(mesh, sidecar, listening["queue-proxy"])}
    for name, checks in (("edge", False), ("edge with checks", True)):
        at = (listening[name], local, sidecar)
        document = bootstrap(platform, at, limit=_UNLIMITED, checks=checks, sockets=mesh.gateways)
        edge, gateway = document["static_resources"]["listeners"]
        _log_requests(edge, folder / f"{name}-requests.log")
        found[name] = _alone(document, edge)
        found["local gateway"] = _alone(document, gateway)
    return found


def _alone(document: dict[str, Any], only: object) -> dict[str, Any]:
    """In the region each gateway is a proxy of its own."""
    return {"static_resources": {**document["static_resources"], "listeners": [only]}}


def _log_requests(edge: Any, path: Path) -> None:
    """The line that the edge writes about each request, as Istio writes the mesh's provider for Envoy."""
    manager = edge["filter_chains"][0]["filters"][0]["typed_config"]
    kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    without_query = {
        "name": "envoy.formatter.req_without_query",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery"},
    }
    written = {
        "@type": kind, "path": str(path),
        "log_format": {"json_format": dict(request_log.FIELDS), "formatters": [without_query]},
    }  # fmt: skip
    manager["access_log"] = [*manager.get("access_log", []), {"name": "envoy.access_loggers.file", "typed_config": written}]


def _sidecar(mesh: Mesh, port: int, behind: int) -> dict[str, Any]:
    """The inbound side: who called is known by certificate, and named to the pod."""
    callers = [{"authenticated": {"principal_name": {"exact": name}}} for name in (EDGE, LOCAL)]
    policy = rbac("ALLOW", {"callers": {"permissions": [{"any": True}], "principals": [{"or_ids": {"ids": callers}}]}})
    manager = {
        "@type": _HTTP, "stat_prefix": "inbound", "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": {"subject": True, "dns": True, "uri": True},
    }  # fmt: skip
    onward = [{"match": {"prefix": "/"}, "route": {"cluster": "pod", "timeout": "0s"}}]
    routes = {"virtual_hosts": [{"name": "pod", "domains": ["*"], "routes": onward}]}
    one = listener(port, manager, [policy, router()], routes, mesh.listening(SIDECAR))
    return {"static_resources": {"listeners": [one], "clusters": [upstream("pod", [behind], {})]}}


def _refuse_taken(*numbers: int) -> None:
    """Queue-proxy takes these whatever it is configured with."""
    for number in numbers:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("", number))
            except OSError as error:
                raise UsageError(f"port {number}: is taken, and queue-proxy can use no other; stop what listens there ({error})") from error


def await_port(port: int, process: tools.ServerProcess, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not tools.is_running(process):
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}: {log.read_text(encoding='utf-8')[-2000:]}")
