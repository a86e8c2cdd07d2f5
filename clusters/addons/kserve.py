"""KServe: InferenceServices. Without cert-manager: the webhooks' certificate is signed by the region's own authority."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from clusters.addons import at_rest, documents, vault
from clusters.addons.add_on import AddOn, Kustomization, ReleasedFiles, SourceModule
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.components.serving.runtimes import VAULT_TOKEN, container_security
from clusters.components.tenancy import catalogue
from clusters.releases import RELEASES
from tidegate.facts import names, ports

VERSION = RELEASES.release("kserve")
MODULE = SourceModule.pinned("github.com/kserve/kserve", family="kserve")
NAMESPACE = names.NAMESPACE_KSERVE
WEBHOOK_HOST = f"kserve-webhook-server-service.{NAMESPACE}.svc"
"""What the webhook's certificate must be made out to."""

WEBHOOK_SECRET = "kserve-webhook-server-cert"  # noqa: S105 - the name of a Secret, not its content
_FOLDER = "config/overlays/standalone/kserve"
"""With the full definitions. Upstream's minimal ones spare an API server 0.3 GiB, but name no fields: Argo CD then takes any
edit of an InferenceService for what a webhook wrote, calls it synced and never applies it."""

_INITIALIZER = "model-verifier"
"""Fetches with upstream's script and verifies what came (decision 0022)."""

_INJECTED_BY_CERT_MANAGER = "cert-manager.io/inject-ca-from"
_RBAC_PROXY = frozenset(
    {
        "kserve-controller-manager-metrics-service", "kserve-controller-manager-service", "kserve-proxy-role", "kserve-proxy-rolebinding",
    }
)  # fmt: skip
"""What leads to the RBAC proxy, and its rights."""


def certificate_secret(region: AddOnRegion) -> Document:
    """The webhook's certificate and key as a Secret. It is applied by hand, before KServe, and never committed."""
    certificate = Path(region.facts.kserve_webhook_certificate_path).read_bytes()
    key = Path(region.facts.kserve_webhook_key_path).read_bytes()
    data = {"ca.crt": region.facts.ca_certificate.encode(), "tls.crt": certificate, "tls.key": key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": WEBHOOK_SECRET, "namespace": NAMESPACE, "labels": names.component_labels("add-ons")},
        "data": {name: base64.b64encode(content).decode() for name, content in data.items()},
    }


def configuration(region: AddOnRegion) -> Mapping[str, Mapping[str, object]]:
    """What we set in `inferenceservice-config`, by its key; each key holds JSON."""
    local_gateway = names.cluster_local_host(names.gateway_workload(names.GATEWAY_LOCAL), names.NAMESPACE_EDGE)
    return {
        "deploy": {"defaultDeploymentMode": "Knative"},
        "inferenceService": {"resource": {"cpuRequest": "50m", "memoryRequest": "128Mi", "cpuLimit": "1", "memoryLimit": "1Gi"}},
        "ingress": {
            # Hosts are Knative's own; a VirtualService would be a second way in, past the edge's routes.
            "disableIstioVirtualHost": True,
            "ingressDomain": region.cluster.domain,
            "localGateway": f"{names.NAMESPACE_EDGE}/{names.GATEWAY_LOCAL}",
            "localGatewayService": local_gateway,
        },
        "storageInitializer": {"image": region.image(_INITIALIZER), "cpuRequest": "10m", "memoryRequest": "64Mi"},
    }


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    kept = documents.without(upstream, _is_unwanted)
    for document in kept:
        annotations = cast("Document", documents.metadata(document).get("annotations") or {})
        annotations.pop(_INJECTED_BY_CERT_MANAGER, None)
        if not annotations:
            documents.metadata(document).pop("annotations", None)
    documents.trust(kept, region.facts.ca_certificate)
    _shorten(documents.find(kept, documents.DEFINITION, "inferenceservices.serving.kserve.io"))
    _configure(documents.find(kept, "ConfigMap", "inferenceservice-config"), region)
    _adapt_manager(documents.find(kept, "Deployment", "kserve-controller-manager"), region)
    _adapt_storage(documents.find(kept, "ClusterStorageContainer", "default"), region)
    return kept


def _is_unwanted(document: Document) -> bool:
    kind, name = documents.kind(document), documents.name(document)
    # The Secret would be empty, and ours is applied by hand.
    return str(document["apiVersion"]).startswith("cert-manager.io/") or kind == "Secret" or name in _RBAC_PROXY


_OLD_MODEL_SERVERS = (
    "huggingface", "lightgbm", "onnx", "paddle", "pmml", "pytorch", "sklearn", "tensorflow", "triton", "xgboost",
)  # fmt: skip
"""A field per model server was KServe's way before `model`; it would also be a way past our runtimes."""


def _shorten(definition: Document) -> None:
    """Takes what none of us writes out of the largest of all definitions: two thirds of it.

    Argo CD judges a definition in a script that is given one second; on a busy machine the whole of it took longer.
    """
    for version in cast("list[Document]", documents.section(definition, "spec")["versions"]):
        spec = documents.section(version, "schema", "openAPIV3Schema", "properties", "spec", "properties")
        spec.pop("canary", None)
        predictor = documents.section(spec, "predictor", "properties")
        for field in (*_OLD_MODEL_SERVERS, "workerSpec"):
            predictor.pop(field, None)


_NOT_OURS = ("agent", "batcher", "logger", "router")
"""Parts that no service of ours asks for. KServe wants their settings to be there, so they name an image that does nothing."""


def _configure(config: Document, region: AddOnRegion) -> None:
    data = documents.section(config, "data")
    data.pop("_example", None)
    for key, values in configuration(region).items():
        data[key] = json.dumps({**cast("Document", json.loads(str(data[key]))), **values}, indent=2)
    for key in _NOT_OURS:
        described = cast("Document", json.loads(str(data[key])))
        data[key] = json.dumps({**described, "image": region.image("pause")}, indent=2)
    data.pop("explainers", None)
    model_cache = cast("Document", json.loads(str(data["localModel"])))
    data["localModel"] = json.dumps({**model_cache, "enabled": False, "defaultJobImage": region.image(_INITIALIZER)}, indent=2)


def _adapt_manager(manager: Document, region: AddOnRegion) -> None:
    spec = documents.section(manager, "spec", "template", "spec")
    spec["containers"] = [container for container in documents.containers(manager) if container["name"] == "manager"]
    documents.pin_images([manager], {"kserve/kserve-controller": region.image("kserve-controller")})
    documents.shrink([manager], {"manager": "128Mi"}, {"manager": documents.WAITED_FOR_CPU})
    container = documents.containers(manager)[0]
    # Without the RBAC proxy the metrics are scraped from the pod; they name no secrets.
    container["args"] = [f"--metrics-addr=:{ports.KSERVE_METRICS_PORT}", *(["--leader-elect"] if at_rest.elects_a_leader(region) else [])]
    documents.section(container, "readinessProbe")["initialDelaySeconds"] = 1
    template = documents.section(manager, "spec", "template", "metadata")
    documents.section(template, "annotations").update(
        {"prometheus.io/scrape": "true", "prometheus.io/port": str(ports.KSERVE_METRICS_PORT)}
    )
    documents.section(manager, "spec")["replicas"] = region.facts.replicas


def _adapt_storage(storage: Document, region: AddOnRegion) -> None:
    """Models come from the emulated S3, with credentials from Vault; a production pod gets both from its identity instead."""
    container = documents.section(storage, "spec", "container")
    container["image"] = region.image(_INITIALIZER)
    container["resources"] = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
    container["securityContext"] = dict(container_security())
    # What may be loaded is the platform's word, in a ConfigMap that tenants cannot write. A pod without it does not start.
    trust = {"configMapKeyRef": {"name": catalogue.TRUST, "key": catalogue.TRUST_KEY}}
    served_model = {"fieldRef": {"fieldPath": f"metadata.labels['{names.KSERVE_LABEL_MODEL}']"}}
    tenant = {"fieldRef": {"fieldPath": f"metadata.labels['{names.LABEL_TENANT}']"}}
    container["env"] = [
        {"name": "MODEL_TRUST", "valueFrom": trust},
        {"name": "SERVED_MODEL", "valueFrom": served_model},
        {"name": "VAULT_ROLE", "valueFrom": tenant},
    ]
    documents.set_environment(
        container,
        {
            "AWS_ENDPOINT_URL": region.facts.s3_endpoint, "AWS_DEFAULT_REGION": region.cluster.region,
            "VAULT_ADDR": f"https://{vault.HOST}:{ports.VAULT_PORT}", "VAULT_CACERT_BYTES": region.facts.ca_certificate,
        },
    )  # fmt: skip
    container["volumeMounts"] = [{"name": VAULT_TOKEN, "mountPath": "/var/run/secrets/vault", "readOnly": True}]


ADD_ON = AddOn(
    name="kserve",
    version=VERSION,
    wave=-60,
    namespace=NAMESPACE,
    production=ReleasedFiles((f"https://github.com/kserve/kserve//{_FOLDER}?ref=v{VERSION}",), VERSION),
    embedded=(Kustomization(MODULE, _FOLDER),),
    images=("kserve-controller", _INITIALIZER, "pause"),
    adapt=_adapt,
    owned_namespaces=(NAMESPACE,),
)
