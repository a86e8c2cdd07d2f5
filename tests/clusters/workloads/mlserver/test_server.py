"""What MLServer answers as we start it: which model it was, and whose fault a failure is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest

from clusters.components.serving.runtimes import serving_runtime
from clusters.workloads import verified_model
from tests.clusters.workloads.app_folder import make_app_folder
from tests.clusters.workloads.dense_pool.programs import Answer, Client, Program, free_ports, site
from tidegate import tools
from tidegate.facts.models.served_model import Runtime

TRAIN = """
import sys, lightgbm, numpy
rows = numpy.random.default_rng(7).normal(size=(200, 3))
data = lightgbm.Dataset(rows, rows[:, 0] > 0)
lightgbm.train({"objective": "binary", "num_leaves": 4, "verbosity": -1, "num_threads": 1}, data, 2).save_model(sys.argv[1])
"""

FAILING = """
from mlserver import MLModel

class Failing(MLModel):
    async def predict(self, payload):
        raise RuntimeError("at /mnt/models/secret")
"""

SHA256 = "a" * 64


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with a model of three features, `scorer`, and one that fails, `failing`."""
    root = tmp_path_factory.mktemp("mlserver")
    app, models, packages = make_app_folder("mlserver", root / "app"), root / "models", str(site("locks/serving-mlserver.txt"))
    for name, implementation in (("scorer", "mlserver_lightgbm.LightGBMModel"), ("failing", "failing.Failing")):
        (models / name).mkdir(parents=True)
        (models / name / "model-settings.json").write_text(json.dumps({"name": name, "implementation": implementation}))
    (app / "failing.py").write_text(FAILING)
    tools.run([sys.executable, "-c", TRAIN, str(models / "scorer/model.bst")], env={"PYTHONPATH": packages})
    verified_model.write(models, "fraud/scorer/1", SHA256)
    port, grpc, metrics = free_ports(3)
    rendered = {
        one["name"]: one.get("value", "") for one in serving_runtime(Runtime.MLSERVER_LIGHTGBM)["spec"]["containers"][0].get("env", [])
    }
    environment = rendered | {
        "PYTHONPATH": f"{app}:{packages}", "MLSERVER_HTTP_PORT": str(port), "MLSERVER_GRPC_PORT": str(grpc), "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_MODEL_IMPLEMENTATION": "", "K_REVISION": "scorer-predictor-00003",
    }  # fmt: skip
    del environment["MLSERVER_MODEL_IMPLEMENTATION"]
    command = [sys.executable, "-m", "clusters.workloads.mlserver.server", "start", str(models)]
    program = Program(command, root / "server.log", port, "/v2/health/ready", environment)
    program.start()
    client = Client(port)
    yield client
    client.close()
    program.stop()


def infer(server: Client, model: str, shape: list[int], data: list[object], datatype: str = "FP64") -> Answer:
    inputs = [{"name": "features", "shape": shape, "datatype": datatype, "data": data}]
    return server.ask("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": inputs}).encode())


def test_answer_names_its_model(server: Client) -> None:
    answer = infer(server, "scorer", [1, 3], [0.1, 0.2, 0.3])
    assert answer.status == 200
    named = {name: value for name, value in answer.headers.items() if name.startswith("tidegate-")}
    assert named == {
        "tidegate-model": "fraud/scorer/1", "tidegate-model-sha256": SHA256, "tidegate-revision": "scorer-predictor-00003",
    }  # fmt: skip


WRONG: dict[str, tuple[list[int], list[object], str, str]] = {
    "a feature too few": ([1, 2], [0.1, 0.2], "FP64", "inputs: have the shape [1, 2]; a row has 3 features"),
    "a feature too many": ([1, 4], [0.1, 0.2, 0.3, 0.4], "FP64", "inputs: have the shape [1, 4]; a row has 3 features"),
    "no rows": ([3], [0.1, 0.2, 0.3], "FP64", "inputs: have the shape [3]; a row has 3 features"),
    "other amount than the shape": ([1, 3], [0.1], "FP64", "inputs: cannot be read: "),
    "text": ([1, 3], ["a", "b", "c"], "BYTES", "inputs: "),
    "text for numbers": ([1, 3], ["a", "b", "c"], "FP64", "inputs: cannot be read: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_inputs_are_the_callers_fault(server: Client, case: str) -> None:
    shape, data, datatype, said = WRONG[case]
    answer = infer(server, "scorer", shape, data, datatype)
    assert answer.status == 400, answer.body
    assert answer.document.keys() == {"error"}
    assert answer.document["error"].startswith(said)
    assert b"Traceback" not in answer.body
    assert b"/site" not in answer.body


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"inputs": "none"}', b'{"inputs": [{"name": "a"}]}'])
def test_what_is_no_request_of_the_protocol_is_told_in_its_form(server: Client, body: bytes) -> None:
    answer = server.ask("POST", "/v2/models/scorer/infer", body)
    assert answer.status in {400, 422}
    assert isinstance(answer.document["error"], str)


def test_failure_of_the_model_is_its_own_and_shows_nothing_of_it(server: Client) -> None:
    answer = infer(server, "failing", [1, 3], [0.1, 0.2, 0.3])
    assert (answer.status, answer.document) == (500, {"error": "the model failed on this request"})


def test_model_that_is_not_there_is_not_found(server: Client) -> None:
    answer = infer(server, "nothing", [1, 3], [0.1, 0.2, 0.3])
    assert answer.status == 404
    assert "nothing" in answer.document["error"]


def test_pod_is_ready_only_while_its_model_is(server: Client) -> None:
    """A caller once unloaded the model: every call was 404, and the pod stayed ready."""
    (container,) = cast("Any", serving_runtime(Runtime.MLSERVER_LIGHTGBM))["spec"]["containers"]
    path = container["readinessProbe"]["httpGet"]["path"].replace("{{.Name}}", "scorer")  # as KServe does
    assert server.ask("GET", path).status == 200
    assert server.ask("POST", "/v2/repository/models/scorer/unload").status == 200
    assert server.ask("GET", path).status == 404
    assert server.ask("GET", "/v2/health/ready").status == 200
    assert server.ask("POST", "/v2/repository/models/scorer/load").status == 200
    assert server.ask("GET", path).status == 200


@pytest.mark.parametrize("identity", ["mine-1", "\u20ac", "a\r\nx-injected: 1", "a" * 40_000], ids=["plain", "not-latin", "lines", "long"])
def test_id_of_a_request_comes_back_in_the_body_and_in_no_header(server: Client, identity: str) -> None:
    inputs = [{"name": "features", "shape": [1, 3], "datatype": "FP64", "data": [0.5, 0.5, 0.5]}]
    answer = server.ask("POST", "/v2/models/scorer/infer", json.dumps({"id": identity, "inputs": inputs}).encode())
    assert answer.status == 200, answer.body[:300]
    assert json.loads(answer.body)["id"] == identity
    assert not [name for name in answer.headers if name.lower().startswith("ce-")]
