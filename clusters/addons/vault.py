"""Vault: tenants' pods exchange their Kubernetes identity for short-lived credentials, and it keeps the signing keys.

The chart is the same in both places. Here a build of our own runs it, with the engines that are used (clusters/embedded/builds/vault),
unsealed by a key in a Secret that is applied by hand; production is unsealed by KMS. What is in it, tenants' roles and policies,
is written by `tidegate.embedded.vault.vault`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from clusters.addons import documents
from clusters.addons.add_on import AddOn, ChartRelease, HelmChart, SourceModule
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.objects.fingerprint import fingerprint
from clusters.releases import RELEASES
from tidegate.facts import names, ports

VERSION = RELEASES.release("vault")

CHART_VERSION = RELEASES.chart("vault", "vault")

MODULE = SourceModule.pinned("github.com/hashicorp/vault-helm", family="vault")
NAMESPACE = names.NAMESPACE_VAULT
HOST = f"vault.{NAMESPACE}.svc"
"""What its certificate must be made out to."""

TLS_SECRET = "vault-tls"  # noqa: S105 - the name of a Secret, not its content
SEAL_SECRET = "vault-seal-key"  # noqa: S105 - the name of a Secret, not its content
SEAL_KEY = "key"
CONFIGURER = "vault-configurer"
DATA_FOLDER = "/var/lib/vault"
"""On the node: a region has nobody who would make volumes."""

_CONFIGURATION = f"""\
disable_mlock = true
default_lease_ttl = "10m"
max_lease_ttl = "768h"
listener "tcp" {{
  address = "[::]:{ports.VAULT_PORT}"
  tls_cert_file = "/vault/tls/tls.crt"
  tls_key_file = "/vault/tls/tls.key"
  tls_min_version = "tls12"
}}
"""
_FILE_STORAGE = 'storage "file" {\n  path = "/vault/data"\n}\n'
_RAFT_STORAGE = 'storage "raft" {\n  path = "/vault/data"\n}\nseal "awskms" {}\nservice_registration "kubernetes" {}\n'
"""Three servers that agree; the key that unseals them is named in VAULT_AWSKMS_SEAL_KEY_ID, from the `cluster` stack."""

_READY = "/v1/sys/health?uninitcode=204&standbyok=true"
"""A server that nobody has initialised counts as ready: who initialises it waits for Argo CD, and Argo CD for it."""


def _server(version: str, **more: object) -> Mapping[str, object]:
    volumes = [{"name": "tls", "secret": {"secretName": TLS_SECRET, "defaultMode": 0o440}}]
    return {
        "global": {"tlsDisable": False},
        "injector": {"enabled": False},
        "server": {
            "image": {"repository": "hashicorp/vault", "tag": version},
            "authDelegator": {"enabled": True},
            "readinessProbe": {"path": _READY, "initialDelaySeconds": 1, "periodSeconds": 2},
            "volumes": volumes,
            "volumeMounts": [{"name": "tls", "mountPath": "/vault/tls", "readOnly": True}],
            **more,
        },
    }


def production_values() -> Mapping[str, object]:
    """The chart's values in production."""
    raft = {"enabled": True, "setNodeId": True, "config": _CONFIGURATION + _RAFT_STORAGE}
    key = {"envName": "VAULT_AWSKMS_SEAL_KEY_ID", "secretName": SEAL_SECRET, "secretKey": SEAL_KEY}
    return _server(VERSION, ha={"enabled": True, "replicas": 3, "raft": raft}, extraSecretEnvironmentVars=[key])


def _values(_region: AddOnRegion) -> Mapping[str, object]:
    return _server(
        VERSION,
        standalone={"enabled": True, "config": _CONFIGURATION + _FILE_STORAGE},
        serviceAccount={"serviceDiscovery": {"enabled": False}},
        dataStorage={"size": "1Gi"},
        updateStrategyType="RollingUpdate",
        affinity="",
    )


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    documents.pin_images(upstream, {"hashicorp/vault": region.image("vault")})
    documents.shrink(upstream, {"vault": "128Mi"}, {"vault": documents.WAITED_FOR_CPU})
    server = documents.find(upstream, "StatefulSet", "vault")
    spec = documents.section(server, "spec", "template", "spec")
    user = documents.locked_down()["runAsUser"]
    spec["securityContext"] = {"runAsNonRoot": True, "fsGroup": user, "seccompProfile": {"type": "RuntimeDefault"}}
    [container] = documents.containers(server)
    container["securityContext"] = documents.locked_down()
    # The image holds one program and no shell to fill the chart's placeholders, of which our configuration has none.
    container["command"], container["args"] = ["/bin/vault"], ["server", "-config=/vault/config/extraconfig-from-values.hcl"]
    container.pop("lifecycle", None)
    container["env"] = [{"name": "VAULT_SEAL_KEY_FILE", "value": f"/vault/seal/{SEAL_KEY}"}]
    mounts, volumes = cast("list[Document]", container["volumeMounts"]), cast("list[Document]", spec["volumes"])
    mounts.append({"name": "seal-key", "mountPath": "/vault/seal", "readOnly": True})
    volumes.append({"name": "seal-key", "secret": {"secretName": SEAL_SECRET, "defaultMode": 0o440}})
    [claim] = cast("list[Document]", documents.section(server, "spec")["volumeClaimTemplates"])
    documents.section(claim, "spec")["storageClassName"] = ""  # no class: only the volume below fits
    config = documents.section(documents.find(upstream, "ConfigMap", "vault-config"), "data")
    template = documents.section(server, "spec", "template", "metadata")
    documents.section(template, "annotations")[names.ANNOTATION_CONFIG] = fingerprint(str(config))
    for document in upstream:  # the chart writes the word with nothing behind it
        if documents.metadata(document).get("annotations", {}) is None:
            del documents.metadata(document)["annotations"]
    return [*upstream, _volume(region), _configurer()]


def _configurer() -> Document:
    """Whom `tidegate up` logs in as; no pod runs as it."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": CONFIGURER, "labels": names.component_labels("add-ons")},
        "automountServiceAccountToken": False,
    }


def _volume(region: AddOnRegion) -> Document:
    """A folder of the one real node, reserved for the first server's claim. It outlives pods, not `tidegate down`."""
    own_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [f"{region.cluster.name}-node-1"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "vault-data", "labels": names.component_labels("add-ons")},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": NAMESPACE, "name": "data-vault-0"},
            "local": {"path": DATA_FOLDER},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [own_node]}]}},
        },
    }


ADD_ON = AddOn(
    name="vault",
    version=VERSION,
    wave=-70,
    namespace=NAMESPACE,
    production=ChartRelease("https://helm.releases.hashicorp.com", "vault", CHART_VERSION, production_values()),
    embedded=(HelmChart(MODULE, ".", "vault", NAMESPACE, _values),),
    images=("vault",),
    adapt=_adapt,
    owned_namespaces=(NAMESPACE,),
)
