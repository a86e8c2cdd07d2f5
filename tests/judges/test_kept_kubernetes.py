"""What is read over kept connections is what kubectl prints; what is not understood is left to kubectl."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.api_client import ApiClient
from tests.acceptance.kept_kubernetes import Get, KeptKubernetes, Reader, told, understand
from tests.admission_server import TOKEN, ApiServer, running_api_server
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build
from tidegate.errors import ToolError


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("get pods --all-namespaces --output=json", Get((("pods", ""),), "", True, "", "json", False)),
        ("get nodes,pods --all-namespaces --output=json --chunk-size=0", Get((("nodes", ""), ("pods", "")), "", True, "", "json", False)),
        ("get pod a b --namespace=n --output=json", Get((("pod", "a"), ("pod", "b")), "n", False, "", "json", False)),
        ("get pod/a svc/b --namespace=n --ignore-not-found --output=json", Get((("pod", "a"), ("svc", "b")), "n", False, "", "json", True)),
        (
            "get pods --namespace=n --selector=a=b,c --output=json",
            Get((("pods", ""),), "n", False, "labelSelector=a%3Db%2Cc", "json", False),
        ),
        ("get pod a --namespace=n --output=jsonpath={.spec.x}", Get((("pod", "a"),), "n", False, "", "jsonpath={.spec.x}", False)),
    ],
)
def test_reading_is_understood(line: str, wanted: Get) -> None:
    assert understand(line.split()) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "delete pod a", "get pods --all-namespaces", "get pods --output=name", "get pods --output=jsonpath={.items[0].metadata.name}",
        "get pods --watch --output=json", "get pods,services a --output=json", "get", "get pod/ --output=json", "logs a --tail=1",
    ],
)  # fmt: skip
def test_everything_else_is_left_to_kubectl(line: str) -> None:
    assert understand(line.split()) is None


@pytest.mark.parametrize(
    ("document", "printed"),
    [
        ({"a": {"b": "text"}}, "text"), ({"a": {"b": 3}}, "3"), ({"a": {"b": True}}, "true"), ({"a": {"b": {"c": "d"}}}, '{"c":"d"}'),
        ({"a": {}}, ""), ({}, ""), ({"a": "no map"}, ""),
    ],
)  # fmt: skip
def test_simple_paths_are_printed_as_kubectl_does(document: Mapping[str, Any], printed: str) -> None:
    assert told(document, "jsonpath={.a.b}") == printed


class ByToken(ApiClient):
    """A client of the bare API server, which knows tokens and no certificates."""

    def __init__(self, server: ApiServer) -> None:  # pyright: ignore[reportMissingSuperCall] - there is no kubeconfig
        context = ssl.create_default_context(cafile=str(server.certificate))
        context.check_hostname = False
        self._connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def fetch(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 60,
    ) -> tuple[int, bytes]:  # fmt: skip
        del body, timeout_seconds
        self._connection.request(
            method, path, headers={"Accept": "application/json", **(headers or {}), "Authorization": f"Bearer {TOKEN}"}
        )
        answer = self._connection.getresponse()
        return answer.status, answer.read()


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: a, cluster: {{server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}}}]
users: [{{name: a, user: {{token: "{token}"}}}}]
contexts: [{{name: a, context: {{cluster: a, user: a}}}}]
current-context: a
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptKubernetes]:
    folder = tmp_path_factory.mktemp("api-server")
    with running_api_server(folder) as server:
        for name in ("one", "two"):
            server.must_apply(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": name, "namespace": "default", "labels": {"n": name}},
                    "data": {"k": name},
                }
            )
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(port=server.port, token=TOKEN), encoding="utf-8")
        kubectl = build(Checkout(ROOT), lambda _subject, _what: None, only=("kubectl",))["kubectl"]
        reader = Reader(ByToken(server))
        yield KeptKubernetes(kubectl, kubeconfig, reader)
        reader.close()


QUESTIONS = [
    "get configmaps --all-namespaces --output=json",
    "get cm --namespace=default --selector=n=two --output=json",
    "get configmap one --namespace=default --output=json",
    "get configmap/one cm/two --namespace=default --output=json",
    "get configmap/one configmap/none --namespace=default --ignore-not-found --output=json",
    "get configmap none --namespace=default --ignore-not-found --output=json",
    "get configmap one --namespace=default --output=jsonpath={.data.k}",
    "get configmap one --namespace=default --output=jsonpath={.data}",
    "get namespaces,clusterroles.rbac.authorization.k8s.io --output=json",
    "get namespace default --output=json",
    "get --raw=/readyz",
]  # fmt: skip


def without_kubectl(cluster: KeptKubernetes) -> KeptKubernetes:
    return KeptKubernetes(Path("/nonexistent/kubectl"), cluster.kubeconfig, cluster.reader)


@pytest.mark.apiserver
@pytest.mark.parametrize("line", QUESTIONS)
def test_answer_is_kubectls_and_kubectl_is_not_asked(cluster: KeptKubernetes, line: str) -> None:
    by_kubectl = super(KeptKubernetes, cluster).run(*line.split())
    here = without_kubectl(cluster).run(*line.split())
    if not line.endswith("=json"):
        assert here == by_kubectl
        return
    expected: Any = json.loads(by_kubectl or "null")
    if expected and expected["kind"] == "List":
        expected.pop("metadata", None)
    assert json.loads(here or "null") == expected


@pytest.mark.apiserver
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("get configmap none --namespace=default --output=json", "not found"),
        ("get unheardof --all-namespaces --output=json", "the server doesn't have a resource type"),
        ("get --raw=/nothing", "the server could not find the requested resource"),
    ],
)
def test_refusal_is_kubectls_own(cluster: KeptKubernetes, line: str, said: str) -> None:
    with pytest.raises(ToolError) as refused:
        cluster.run(*line.split())
    assert said in refused.value.stderr
