"""A dense pool in a cluster is a served model like any other, whose pods are told of each other and of who may call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.network import gateways, isolation
from clusters.components.serving import dense_pool, runtimes
from clusters.components.serving.model import inference_service
from clusters.workloads.dense_pool import pod
from tidegate.checkout import find_checkout
from tidegate.facts import inventory, ports
from tidegate.facts.models.dense_pool import PoolAccess

CHECKOUT = find_checkout()
PLATFORM = inventory.load(CHECKOUT.root)
CLUSTER, TENANT = PLATFORM.clusters["live-1"], PLATFORM.tenants["merchants"]
MODEL = TENANT.models["anomaly"]
PROGRAMS = ("pod.py", "model_server.py")


def served(**changes: object) -> dict[str, Any]:
    """`spec.predictor.model` of the merchants' pool, with something else about the pool."""
    assert MODEL.dense_pool
    model = MODEL.model_copy(update={"dense_pool": MODEL.dense_pool.model_copy(update=changes)})
    service: Any = inference_service(CLUSTER, TENANT, "anomaly", model)
    return cast("dict[str, Any]", service["spec"]["predictor"]["model"])


def told(model: dict[str, Any]) -> dict[str, str]:
    """What its pods are told, by variable."""
    return {one["name"]: one["value"] for one in model["env"]}


def test_pods_are_told_what_their_programs_read() -> None:
    model = served(access=(PoolAccess(subject="till", models=("merchant-1*", "merchant-007")),), memory_budget_gib=0.5)
    assert model["runtime"] == "tidegate-dense-pool"
    assert told(model) == {
        "POOL_ACCESS": json.dumps({"till": ["merchant-007", "merchant-1*"]}), "POOL_BUDGET_BYTES": str(512 << 20),
        "POOL_MODELS": "420", "POOL_MOST_COPIES": "3", "POOL_PEERS": "anomaly-peers.tenant-merchants.svc.cluster.local.",
        "POOL_REQUESTS_PER_SECOND_PER_COPY": "20",
    }  # fmt: skip
    folder = CHECKOUT.root / "clusters/workloads/dense_pool"
    read = "".join((folder / program).read_text(encoding="utf-8") for program in PROGRAMS)
    for name in told(model):
        assert f'"{name}"' in read


@pytest.mark.parametrize("listed", [419, 421], ids=["one too few", "one too many"])
def test_pod_with_another_number_of_models_than_promised_does_not_start(
    listed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {f"merchant-{number:03d}": {"sha256": "a" * 64, "bytes": 1} for number in range(listed)}
    document = {"format": 1, "version": "1", "implementation": "mlserver_sklearn.SKLearnModel", "extra": {}, "models": models}
    (tmp_path / "catalogue.json").write_text(json.dumps(document), encoding="utf-8")
    for name, value in {**told(served()), "MLSERVER_HTTP_PORT": "8085"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["pod", str(tmp_path)])
    assert pod.main() == pod.REFUSED
    assert capsys.readouterr().err == (
        f"Pool refused: catalogue.json lists {listed} models, and dense_pool.models of the tenant's file says 420; correct one of them\n"
    )


def test_other_callers_or_budgets_are_another_revision() -> None:
    assert told(served(access=(PoolAccess(subject="till", models=("*",)),))) != told(served())


def test_peers_name_stands_for_the_pods_themselves() -> None:
    (service,) = cast("list[Any]", list(dense_pool.guard_rails(TENANT)))
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    assert f"{host}." == told(served())["POOL_PEERS"]
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    (port,) = service["spec"]["ports"]
    assert port["name"].startswith("tcp-"), "Istio would go by the caller's host"
    runtime: Any = runtimes.pool_runtime()
    environment = {one["name"]: one["value"] for one in runtime["spec"]["containers"][0]["env"]}
    assert environment["MLSERVER_HTTP_PORT"] == str(port["port"])


def test_kubelet_asks_where_the_router_says_that_it_is_ready() -> None:
    runtime: Any = runtimes.pool_runtime()
    path = runtime["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"]
    router = CHECKOUT.root / "clusters/workloads/dense_pool/router.py"
    assert f'READY_PATH = "{path}"' in router.read_text(encoding="utf-8")


def test_only_tenants_with_a_pool_open_its_port_and_only_to_themselves() -> None:
    opened: dict[str, list[tuple[str, bool]]] = {}
    for name, tenant in PLATFORM.tenants.items():
        for policy in cast("list[Any]", list(isolation.guard_rails(PLATFORM, CLUSTER, tenant))):
            for rule in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
                peers = [*rule.get("from", ()), *rule.get("to", ())]
                if any(port["port"] == ports.POOL_PORT for port in rule.get("ports", ())):
                    opened.setdefault(name, []).append((policy["metadata"]["name"], peers == [{"podSelector": {}}]))
    assert opened == {"merchants": [("allow-same-tenant", True)] * 2}


def test_runtime_of_a_pool_stands_beside_or_instead_of_the_servers() -> None:
    names = [one["metadata"]["name"] for one in cast("list[Any]", list(runtimes.objects(PLATFORM, "live-1")))]
    assert "tidegate-dense-pool" in names
    assert "tidegate-mlserver-sklearn" not in names, "no tenant serves such a model by itself"


def test_no_gateway_speaks_http_on_the_port_of_pools() -> None:
    objects = cast("list[Any]", list(gateways.objects(CLUSTER)))
    taken = {listener["port"] for one in objects if one["kind"] == "Gateway" for listener in one["spec"]["listeners"]}
    assert taken == {80, 443, 8081}
    assert ports.POOL_PORT not in {*taken, *ports.SERVING_PORTS, ports.AUTOSCALER_PORT, ports.QUEUE_METRICS_PORT}
