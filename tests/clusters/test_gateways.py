"""A gateway is alive while it takes connections on a port of its own."""

from __future__ import annotations

import json
from typing import Any, cast

from clusters.components.network import gateways
from tidegate.checkout import find_checkout
from tidegate.facts import inventory

CLUSTER = inventory.load(find_checkout().root).clusters["live-1"]


def test_gateway_that_hears_nobody_is_started_anew() -> None:
    objects = cast("list[Any]", list(gateways.objects(CLUSTER)))
    options = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    found = [one for one in objects if one["kind"] == "Gateway"]
    assert len(found) == 2
    for gateway in found:
        deployment = json.loads(options[gateway["spec"]["infrastructure"]["parametersRef"]["name"]]["deployment"])
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["name"] == "istio-proxy", "Istio merges containers by name"
        probe = container["livenessProbe"]
        # Without TLS of its own: a connection is enough, and the mesh's port would log a failed handshake each time.
        assert probe["tcpSocket"]["port"] == gateway["spec"]["listeners"][-1]["port"]
        assert probe["periodSeconds"] * probe["failureThreshold"] == gateways.LIVENESS_SECONDS


def test_gateway_waits_for_its_control_plane_instead_of_being_killed() -> None:
    options = [one["data"] for one in cast("list[Any]", list(gateways.objects(CLUSTER))) if one["kind"] == "ConfigMap"]
    for one in (one for one in options if "deployment" in one):
        (container,) = json.loads(one["deployment"])["spec"]["template"]["spec"]["containers"]
        # Merged into Istio's own probe, which asks once a second; a probe of another kind would be added to it and refused.
        assert container["startupProbe"] == {"failureThreshold": gateways.START_SECONDS}


def test_edge_has_the_clusters_addresses_where_there_is_no_load_balancer() -> None:
    edge = CLUSTER.edge.model_copy(update={"addresses": ("172.31.250.11",)})
    objects = cast("list[Any]", list(gateways.objects(CLUSTER.model_copy(update={"edge": edge}))))
    options = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    assert json.loads(options["edge-options"]["service"]) == {"spec": {"externalIPs": ["172.31.250.11"]}}
    assert json.loads(options["knative-local-options"]["service"]) == {"spec": {"ports": [{"port": 8081, "name": "http2"}]}}
