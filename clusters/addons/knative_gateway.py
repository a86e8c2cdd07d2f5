"""Knative's ingress over Istio's gateways (net-gateway-api). Both of Knative's gateways are our local one.

Tenants' services are cluster-local, and callers from outside come through the edge, which has checked their token and then
calls the local gateway. So there is nothing that Knative should ever put on the edge.
"""

from __future__ import annotations

import json

from clusters.addons import at_rest, documents
from clusters.addons.add_on import AddOn, ReleasedFiles, SourceModule, YamlFiles
from clusters.addons.documents import Document
from clusters.addons.knative import DISABLE_ELECTION, drop_example, release_labels
from clusters.addons.region import AddOnRegion
from clusters.components.network import ingress_probes
from clusters.releases import RELEASES
from tidegate.facts import names, ports

VERSION = RELEASES.release("net-gateway-api")

MODULE = SourceModule.pinned("knative.dev/net-gateway-api", family="knative")


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    for document in upstream:
        drop_example(document)
        release_labels(document, VERSION)
        if "aggregationRule" in document:
            document.pop("rules", None)
    entry = {
        "class": "istio",
        "gateway": f"{names.NAMESPACE_EDGE}/{names.GATEWAY_LOCAL}",
        "service": f"{names.NAMESPACE_EDGE}/{names.gateway_workload(names.GATEWAY_LOCAL)}",
        "supported-features": ["HTTPRouteRequestTimeout"],
    }
    gateways = json.dumps([entry])  # JSON is YAML
    config = documents.find(upstream, "ConfigMap", "config-gateway")
    documents.section(config, "data").update({"external-gateways": gateways, "local-gateways": gateways})
    documents.pin_images(upstream, {"ko://knative.dev/net-gateway-api/cmd/controller": region.image("net-gateway-api")})
    documents.shrink(upstream)
    controller = documents.find(upstream, "Deployment", ingress_probes.CONTROLLER)
    at_rest.without_election(controller, DISABLE_ELECTION, region)
    template = documents.section(controller, "spec", "template", "metadata")
    documents.section(template, "annotations").update(
        {"prometheus.io/scrape": "true", "prometheus.io/port": str(ports.KNATIVE_METRICS_PORT)}
    )
    # Into the mesh with its probes alone: what it says to the API server and to Prometheus does not pass the sidecar.
    documents.section(template, "labels")["sidecar.istio.io/inject"] = "true"
    documents.section(template, "annotations").update(
        {
            "traffic.sidecar.istio.io/includeInboundPorts": "",
            "traffic.sidecar.istio.io/includeOutboundIPRanges": "",
            "traffic.sidecar.istio.io/includeOutboundPorts": str(ports.KNATIVE_PROBE_PORT),
        }
    )
    return upstream


ADD_ON = AddOn(
    name="knative-gateway",
    version=VERSION,
    wave=-60,
    namespace=names.NAMESPACE_KNATIVE,
    production=ReleasedFiles(
        (f"https://github.com/knative-extensions/net-gateway-api/releases/download/knative-v{VERSION}/net-gateway-api.yaml",), VERSION
    ),
    # Without the webhook that checks one ConfigMap, which is ours and is checked by a test.
    embedded=(YamlFiles(MODULE, ("config/200-clusterrole.yaml", "config/300-controller.yaml", "config/config-gateway.yaml")),),
    images=("net-gateway-api",),
    adapt=_adapt,
)
