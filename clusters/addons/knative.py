"""Knative Serving: revisions, traffic shares, scale to zero.

The activator and the autoscaler are in the mesh, because they speak to tenants' pods under STRICT mTLS; the controller and
the webhook are not, because the API server and the kubelet speak to those. Queue-proxies satisfy Pod Security `restricted`
by themselves at this release; `secure-pod-defaults` makes users' containers do so too where they leave fields out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from clusters.addons import at_rest, documents
from clusters.addons.add_on import AddOn, Ignored, ReleasedFiles, SourceModule, YamlFiles
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.components.serving.model import KNATIVE_FEATURES
from clusters.releases import RELEASES
from tidegate.facts import names, ports

VERSION = RELEASES.release("knative")

SERVING = SourceModule.pinned("knative.dev/serving", family="knative")
NETWORKING = SourceModule.pinned("knative.dev/networking", family="knative")
CACHING = SourceModule.pinned("knative.dev/caching", family="knative")

INGRESS_CLASS = "gateway-api.ingress.networking.knative.dev"
STABLE_WINDOW_SECONDS = 20
"""How long the autoscaler looks back. Knative's 60 s is for busy services; a trial has to wait for it again and again."""

_IN_THE_MESH = frozenset({"activator", "autoscaler"})
_SPARED_AN_ELECTION = frozenset({"webhook"})
"""The activator elects nobody; autoscaler and controller know no such switch."""

DISABLE_ELECTION = "--disable-ha=true"
_METRICS_PORT = str(ports.KNATIVE_METRICS_PORT)
_CA_CONFIG_MAP = "registry-ca"
_CA_FOLDER = "/etc/tidegate/registry-ca"
_IMAGES = {f"ko://knative.dev/serving/cmd/{part}": f"knative-{part}" for part in ("activator", "autoscaler", "controller", "webhook")}

_RELEASE_URL = f"https://github.com/knative/serving/releases/download/knative-v{VERSION}"


def configuration(region: AddOnRegion) -> Mapping[str, Mapping[str, str]]:
    """What we set, by ConfigMap; everything else keeps Knative's default."""
    enabled = (*KNATIVE_FEATURES, "secure-pod-defaults")
    return {
        "config-autoscaler": {
            "stable-window": f"{STABLE_WINDOW_SECONDS}s",
            "scale-to-zero-grace-period": "10s",
            "enable-scale-to-zero": "true",
            "allow-zero-initial-scale": "true",
        },
        "config-deployment": {
            "queue-sidecar-image": region.image("knative-queue"),
            # Tags are resolved at the registry, so that every revision carries its digest: nothing is skipped.
            "registries-skipping-tag-resolving": "",
            "queue-sidecar-cpu-request": "5m",
            "queue-sidecar-memory-request": "32Mi",
            "queue-sidecar-memory-limit": "256Mi",
        },
        "config-domain": {region.cluster.domain: ""},
        "config-features": dict.fromkeys(enabled, "enabled"),
        # Two revisions stay for a rollback; a region of one node has no room for a history of twenty.
        "config-gc": {"min-non-active-revisions": "2", "max-non-active-revisions": "5"},
        # Pods are reached through their Service, because pod addresses are refused by a sidecar.
        "config-network": {"ingress-class": INGRESS_CLASS, "mesh-compatibility-mode": "enabled"},
        "config-observability": {"metrics-protocol": "prometheus", "request-metrics-protocol": "prometheus"},
    }


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    # The Image only asks for pre-pulling, which no controller of ours does.
    kept = documents.without(upstream, lambda document: documents.kind(document) in {"Image", "HorizontalPodAutoscaler"})
    for document in kept:
        drop_example(document)
        release_labels(document, VERSION)
        if "aggregationRule" in document:
            document.pop("rules", None)  # the API server fills them in, and would be fought over them
    for config_map, values in configuration(region).items():
        documents.section(documents.find(kept, "ConfigMap", config_map), "data").update(values)
    documents.pin_images(kept, {upstream_image: region.image(image) for upstream_image, image in _IMAGES.items()})
    documents.shrink(kept, cpu={"controller": documents.WAITED_FOR_CPU, "webhook": documents.WAITED_FOR_CPU})
    for document in kept:
        if documents.kind(document) == "Deployment":
            _adapt_deployment(document, region)
    return [*kept, _certificate_authority(region)]


def drop_example(document: Document) -> None:
    """Removes a ConfigMap's example and its checksum, which the webhook compares."""
    if documents.kind(document) == "ConfigMap":
        documents.section(document, "data").pop("_example", None)
        annotations = documents.section(documents.metadata(document), "annotations")
        annotations.pop("knative.dev/example-checksum", None)
        if not annotations:
            documents.metadata(document).pop("annotations")


def release_labels(document: Document, version: str) -> None:
    """The module says `devel` where the published files name the release."""
    label = "app.kubernetes.io/version"
    spec = cast("Document", document.get("spec") or {})
    template = cast("Document", spec.get("template") or {}) if "template" in spec else {}
    for described in (documents.metadata(document), cast("Document", template.get("metadata") or {})):
        labels = cast("Document", described.get("labels") or {})
        if labels.get(label) == "devel":
            labels[label] = version


def _adapt_deployment(deployment: Document, region: AddOnRegion) -> None:
    template = documents.section(deployment, "spec", "template", "metadata")
    documents.section(template, "annotations").update({"prometheus.io/scrape": "true", "prometheus.io/port": _METRICS_PORT})
    if documents.name(deployment) in _IN_THE_MESH:
        documents.section(template, "labels")["sidecar.istio.io/inject"] = "true"
    if documents.name(deployment) == "controller":
        spec = documents.section(deployment, "spec", "template", "spec")
        container = documents.containers(deployment)[0]
        documents.set_environment(container, {"SSL_CERT_FILE": f"{_CA_FOLDER}/ca.crt", **at_rest.sole_controller(region)})
        container["volumeMounts"] = [{"name": _CA_CONFIG_MAP, "mountPath": _CA_FOLDER, "readOnly": True}]
        spec["volumes"] = [{"name": _CA_CONFIG_MAP, "configMap": {"name": _CA_CONFIG_MAP}}]
    if documents.name(deployment) == "autoscaler":
        at_rest.search_once(deployment, region)
    if documents.name(deployment) in _SPARED_AN_ELECTION:
        at_rest.without_election(deployment, DISABLE_ELECTION, region)
    documents.section(deployment, "spec")["replicas"] = region.facts.replicas


def _certificate_authority(region: AddOnRegion) -> Document:
    """What the controller trusts when it asks the registry for a tag's digest."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _CA_CONFIG_MAP, "labels": names.component_labels("add-ons")},
        "data": {"ca.crt": region.facts.ca_certificate},
    }


WEBHOOK_DIFFERENCES = tuple(
    # Knative's webhooks write certificate authority and rules into their own configurations.
    Ignored(
        "admissionregistration.k8s.io",
        kind,
        jq_path_expressions=(".webhooks[].clientConfig.caBundle", ".webhooks[].rules", ".webhooks[].namespaceSelector"),
    )
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
)

ADD_ON = AddOn(
    name="knative",
    version=VERSION,
    wave=-60,
    namespace=names.NAMESPACE_KNATIVE,
    production=ReleasedFiles((f"{_RELEASE_URL}/serving-crds.yaml", f"{_RELEASE_URL}/serving-core.yaml"), VERSION),
    embedded=(
        YamlFiles(
            SERVING,
            (
                "config/core/300-resources/*.yaml", "config/core/200-serviceaccount.yaml", "config/core/200-roles/*.yaml",
                "config/core/configmaps/*.yaml", "config/core/deployments/*.yaml", "config/core/webhooks/*.yaml",
            ),
            excluded=("-hpa.yaml", "certmanager.yaml", "tracing.yaml"),
        ),
        YamlFiles(NETWORKING, ("config/*.yaml",)),
        YamlFiles(CACHING, ("config/image.yaml",)),
    ),
    images=(*sorted(_IMAGES.values()), "knative-queue"),
    adapt=_adapt,
    owned_namespaces=(names.NAMESPACE_KNATIVE,),
    ignored_differences=(*WEBHOOK_DIFFERENCES, Ignored("", "Secret", json_pointers=("/data",))),
)  # fmt: skip
