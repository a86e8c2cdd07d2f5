"""What proxies refuse stands in status and explain, with the proxy's own words and the object that was changed last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tidegate.live.canned_cluster import CannedCluster, make, platform
from tests.tidegate.live.test_explanation import READY
from tidegate.errors import ToolError
from tidegate.live.explanation import explain_live
from tidegate.live.proxies import ProxyReport, Rejection, read_proxies

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
EDGE = "edge-istio-6d5b8c7f44-x2x7p.istio-ingress"
SAID = "Error adding/updating listener(s) 0.0.0.0_443: local rate limit token bucket fill timer must be >= 50ms\n"
REFUSES = (
    f"proxy {EDGE} refuses its newest listeners; it serves on with those before, and one that starts has none: "
    "Error adding/updating listener(s) 0.0.0.0_443: local rate limit token bucket fill timer must be >= 50ms"
)


def proxy(name: str = EDGE, **refused: str) -> dict[str, Any]:
    """One proxy in the form of /debug/syncz of Istio: what was sent and taken of each kind, and the last refusal."""
    sent = {"sent": "2026-11-30T01:02:03Z/14f9c7d0", "acked": "2026-11-30T01:02:03Z/14f9c7d0", "sentTime": "2026-11-30T01:02:03.4Z"}
    resources: dict[str, Any] = {LISTENER: dict(sent), ROUTES: dict(sent)}
    for kind, said in refused.items():
        resources[LISTENER if kind == "listeners" else ROUTES] |= {"acked": "2026-11-30T00:00:00Z/0a", "lastError": said}
    return {
        "cluster_id": "Kubernetes", "proxy": name, "proxy_type": "router", "cluster_sent": sent["sent"],
        "cluster_acked": sent["acked"], "resources": resources,
    }  # fmt: skip


def filtered(name: str, at: str) -> dict[str, Any]:
    return make(
        "networking.istio.io/v1alpha3",
        "EnvoyFilter",
        name,
        "istio-ingress",
        metadata={"managedFields": [{"manager": "argocd", "time": at}]},
    )


FILTERS = [filtered("http-protocol", "2026-11-30T01:02:00Z"), filtered("rate-limits", "2026-11-29T23:00:00Z")]
REMEDY = (
    "undo or correct the last commit below gitops/rendered that changed an EnvoyFilter, a route or a policy; "
    "EnvoyFilter istio-ingress/http-protocol was changed last, at 2026-11-30T01:02:00Z"
)


def cluster(*proxies: dict[str, Any], objects: list[Any] | None = None) -> CannedCluster:
    return CannedCluster([*(objects or []), *FILTERS], proxies=json.dumps(proxies))


def test_proxies_that_took_all_they_got_are_not_told() -> None:
    assert read_proxies(cluster(proxy(), proxy("scorer-1.tenant-fraud"))) == ProxyReport()


def test_what_a_proxy_refuses_is_told_with_its_words_and_what_was_changed_last() -> None:
    found = read_proxies(cluster(proxy(listeners=SAID), proxy("scorer-1.tenant-fraud")))
    assert [one.text for one in found.rejected] == [REFUSES]
    assert found.remedy == REMEDY


def test_each_kind_is_told_by_its_name() -> None:
    found = read_proxies(cluster(proxy(listeners="a", routes="b")))
    assert [(one.kind, one.reason) for one in found.rejected] == [("listeners", "a"), ("routes", "b")]


def test_the_control_plane_is_asked_once_and_filters_only_after_a_refusal() -> None:
    asked = cluster(proxy())
    read_proxies(asked)
    assert [call[0] for call in asked.state["calls"]] == ["get", "exec"]
    assert asked.state["calls"][1][-3:] == ("request", "GET", "/debug/syncz")


@pytest.mark.parametrize("answer", ["", "<html>", '[{"resources": 3}]'], ids=["nothing", "no-json", "another-form"])
def test_an_answer_of_another_form_is_unknown_and_not_well(answer: str) -> None:
    found = read_proxies(CannedCluster([], proxies=answer))
    assert found.unknown == "istiod answers in another form than this program reads"


def test_a_control_plane_that_cannot_be_asked_is_unknown() -> None:
    assert read_proxies(CannedCluster([], down=True)).unknown.startswith("istiod cannot be asked: The connection to the server")


def test_without_a_control_plane_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_self: CannedCluster, *_arguments: str) -> str:
        return '{"items": []}'

    monkeypatch.setattr(CannedCluster, "run", nothing)
    assert read_proxies(CannedCluster([])) == ProxyReport(unknown="no pod of istiod is ready")


def explain(*proxies: dict[str, Any]) -> Any:
    return explain_live(cluster(*proxies, objects=[*READY]), platform().tenants["fraud"], "scorer")


def test_explanation_names_what_the_gateway_refuses_though_the_model_answers() -> None:
    found = explain(proxy(listeners=SAID))
    assert found.ready
    assert (f"Proxy {EDGE}", "refuses listeners") in [(step.object, step.state) for step in found.steps]
    assert found.summary == f"cause: {REFUSES}; next: {REMEDY}"


def test_explanation_names_the_sidecars_of_the_models_own_pods_and_no_others() -> None:
    assert explain(proxy("scorer-1.tenant-fraud", listeners="own")).cause.startswith("proxy scorer-1.tenant-fraud refuses")
    assert explain(proxy("decision-1.tenant-credit", listeners="theirs")).cause == ""


def test_explanation_says_when_it_could_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    run = CannedCluster.run

    def refused(self: CannedCluster, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60) -> str:
        if arguments[0] == "exec":
            raise ToolError("kubectl", 1, "error: unable to upgrade connection")
        return run(self, *arguments, stdin=stdin, timeout_seconds=timeout_seconds)

    monkeypatch.setattr(CannedCluster, "run", refused)
    found = explain(proxy())
    assert [(step.state, step.why) for step in found.steps if step.object == "Proxies"] == [
        ("unknown", "istiod cannot be asked: error: unable to upgrade connection")
    ]
    assert found.ready


def test_a_refusal_knows_its_pod() -> None:
    found = Rejection(EDGE, "listeners", "no")
    assert (found.pod, found.namespace) == ("edge-istio-6d5b8c7f44-x2x7p", "istio-ingress")
