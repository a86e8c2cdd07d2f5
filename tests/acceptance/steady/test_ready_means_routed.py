"""A service that is called ready is answered at once: its route is in the gateway, because Knative's ingress controller saw it there."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.running_platform import INVENTORY, Running, wait_for
from tests.root import WHOLE
from tidegate.facts import names, ports

REGION, TENANT, MODEL = "live-1", INVENTORY.tenants["scoring"], "fraud-shadow"
ROUNDS, AT_ONCE = (40, 5) if WHOLE else (1, 5)
"""200 new services in `make soak`, five in `make test`."""

pytestmark = [pytest.mark.timeout(1800), pytest.mark.touches(regions=[REGION], asks=[], tenant="scoring")]

UNTIL = "/tmp/asked-enough"
SERVER = """
import http.server, os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the first process of a container ignores it otherwise, for five minutes
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""
ASKING = """
import json, os, socket, sys, threading, time, urllib.error, urllib.request
seen, stop, until, address = {}, threading.Event(), sys.argv[1], sys.argv[2]
socket.getaddrinfo = lambda host, port, *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
def ask(host):
    while not stop.wait(0.02):
        at = time.time()
        try:
            status = urllib.request.urlopen(f"http://{host}/v2/health/live", timeout=10).status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError as error:
            status = repr(error)
        seen.setdefault(host, []).append((at, status))
threads = [threading.Thread(target=ask, args=(host,)) for host in sys.argv[3:]]
for one in threads: one.start()
while not os.path.exists(until):
    time.sleep(0.1)
os.remove(until)
stop.set()
for one in threads: one.join()
print(json.dumps(seen))
"""
"""Run in a pod of the tenant: asks every host up to fifty times a second until a file is there. What a busy machine answers late counts.

By the local gateway's address, which all of them lead to: DNS would remember for half a minute that a name was not there yet.
"""


RUN = secrets.token_hex(2)
"""Services of an earlier run on the same region had other names: net-gateway-api takes one that comes again, the same in every field, for the
one that it saw in the gateway before."""


def names_of(round_: int) -> list[str]:
    return [f"routed-{RUN}-{round_}-{number}" for number in range(AT_ONCE)]


def service(pod: Any, name: str) -> dict[str, Any]:
    """A Knative Service of the tenant's, with the image and the limits that its model's pod has, and a server that starts at once."""
    container = next(one for one in pod["spec"]["containers"] if one["name"] == "kserve-container")
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": TENANT.namespace_name, "labels": {"networking.knative.dev/visibility": "cluster-local"}},
        "spec": {
            "template": {
                "metadata": {
                    "labels": names.tenant_labels(TENANT.name, TENANT.tier),
                    "annotations": {"autoscaling.knative.dev/min-scale": "1", "autoscaling.knative.dev/max-scale": "1"},
                },
                "spec": {
                    "serviceAccountName": pod["spec"]["serviceAccountName"],
                    "automountServiceAccountToken": False,
                    "priorityClassName": pod["spec"]["priorityClassName"],
                    "containers": [
                        {
                            "image": container["image"], "command": ["python3", "-c", SERVER], "ports": [{"containerPort": ports.MODEL_PORT}],
                            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
                            "securityContext": container["securityContext"],
                        }
                    ],
                },
            }
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def pod(platform: Running) -> Any:
    selector = f"--selector={names.KSERVE_LABEL_MODEL}={MODEL}"
    found = platform.read(REGION, "pods", f"--namespace={TENANT.namespace_name}", selector)["items"]
    return next(one for one in found if "deletionTimestamp" not in one["metadata"])


@pytest.fixture
def services(platform: Running, pod: Any) -> Generator[Callable[[int], list[str]]]:
    """Makes one round of services, whose names it returns; all are removed in the end."""
    made = list[str]()

    def make(round_: int) -> list[str]:
        fresh = names_of(round_)
        made.extend(fresh)
        documents = {"apiVersion": "v1", "kind": "List", "items": [service(pod, name) for name in fresh]}
        platform.cluster(REGION).run("apply", "--filename=-", stdin=json.dumps(documents))
        return fresh

    yield make
    if made:
        namespace = f"--namespace={TENANT.namespace_name}"
        platform.cluster(REGION).run("delete", "services.serving.knative.dev", *made, namespace, "--ignore-not-found", timeout_seconds=300)

        def left() -> list[str]:
            pods = platform.read(REGION, "pods", namespace, f"--selector=serving.knative.dev/service in ({','.join(made)})")["items"]
            return [one["metadata"]["name"] for one in pods]

        # Each has a sidecar; tests that come next count what a region costs.
        wait_for("the pods of the new services are gone", left, lambda names_left: not names_left, 240, 1)


def when_ready(platform: Running, wanted: list[str]) -> dict[str, float]:
    """When each service was first seen ready, in seconds since the epoch: at most one look after it said so."""
    seen = dict[str, float]()

    def look() -> dict[str, float]:
        found = platform.read(REGION, "services.serving.knative.dev", f"--namespace={TENANT.namespace_name}")["items"]
        now = time.time()
        for one in found:
            conditions = {each["type"]: each["status"] for each in one.get("status", {}).get("conditions", ())}
            if one["metadata"]["name"] in wanted and conditions.get("Ready") == "True":
                seen.setdefault(one["metadata"]["name"], now)
        return seen

    wait_for("the new services are ready", look, lambda found: len(found) == len(wanted), 180, 0.05)
    return seen


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_ready_service_is_answered_without_a_retry(
    platform: Running, pod: Any, services: Callable[[int], list[str]], round_: int, record_property: Callable[[str, object], None]
) -> None:
    fresh = names_of(round_)
    hosts = {f"{name}.{TENANT.namespace_name}.svc.cluster.local": name for name in fresh}
    gateway = platform.read(REGION, f"service/{names.gateway_workload(names.GATEWAY_LOCAL)}", f"--namespace={names.NAMESPACE_EDGE}")[
        "spec"
    ]["clusterIP"]
    inside = ["exec", pod["metadata"]["name"], f"--namespace={TENANT.namespace_name}", "--container=kserve-container", "--"]
    cluster = platform.cluster(REGION)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(cluster.run, *inside, "python3", "-c", ASKING, UNTIL, gateway, *hosts, timeout_seconds=400)
        try:
            assert services(round_) == fresh
            ready = when_ready(platform, fresh)
            time.sleep(5)
        finally:
            cluster.run(*inside, "touch", UNTIL)
        answers = json.loads(asking.result())
    after = {name: [status for at, status in answers[host] if at >= ready[name]] for host, name in hosts.items()}
    record_property("answers", {name: len(statuses) for name, statuses in after.items()})
    assert all(len(statuses) >= 3 for statuses in after.values()), f"too few to say anything: {after}"
    assert not {name: wrong for name, statuses in after.items() if (wrong := [one for one in statuses if one != 200])}
