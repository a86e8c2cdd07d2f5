"""What is applied by hand before Argo CD does the rest, as production's `bootstrap` stack does: Secrets, cluster DNS, Argo CD."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from tidegate.embedded import digest
from tidegate.embedded.delivery import delivery, git_server
from tidegate.embedded.digest import key_of
from tidegate.embedded.fleet import internet, region
from tidegate.embedded.fleet.bring_up import Local, OnProgress
from tidegate.embedded.identity import certificates
from tidegate.embedded.machines import network
from tidegate.embedded.vault import vault_region
from tidegate.facts import names
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observed import Application
from tidegate.manifests.yaml_text import Manifest

BY_HAND = ("coredns", "argo-cd")
"""Add-ons that must be there before Argo CD can read Git; it manages them from then on."""

_WEBHOOK_HOST = "kserve-webhook-server-service.kserve.svc"


def grant_identities(local: Local, cluster: Kubernetes) -> None:
    """Gives the machine's own identities the rights that Kubernetes has no bindings for."""
    cluster.apply(_documents((local.checkout.root / region.NODE_FOLDER / "rbac.yaml").read_text(encoding="utf-8")))


def bootstrap(local: Local, name: str, cluster: Kubernetes, by_add_ons: list[Manifest], on_progress: OnProgress) -> None:
    """Applies what production's `bootstrap` stack applies: Secrets, cluster DNS, Argo CD and the root Application.

    Definitions of every add-on go first: whenever one of them arrives or changes, Argo CD and the API server read all of them again.
    Their Applications find them in place and have nothing to write. A second call changes nothing.
    """
    outside = local.machine(network.INTERNET)
    tree = git_server.worktree(outside)
    wanted = [*by_add_ons, _edge_certificate(local, name), _redis_password(local, name), *vault_region.applied_by_hand(local, name)]
    namespaces = sorted({_namespace_of(secret) for secret in wanted})
    cluster.apply([*(_namespace(namespace) for namespace in namespaces), *wanted])
    # Where each Application puts objects that name no namespace.
    applications = {one.metadata.name: one.spec.destination.namespace for one in delivery.applications(tree, name)}
    add_ons = {
        folder.name: [_tracked(one, names.add_on_application(folder.name), applications) for one in _read_tree(folder)]
        for folder in sorted((tree / delivery.ADD_ONS / name).iterdir())
    }
    for add_on in BY_HAND:
        # Pods last: a controller whose ServiceAccount is not there yet waits before it tries again.
        for kinds in (_EARLY, None, _PODS):
            group = [one for one in add_ons[add_on] if _belongs(str(one["kind"]), kinds)]
            if group:
                cluster.apply(group, manager=_ARGO_CD)
        if add_on == BY_HAND[0]:
            on_progress(name, "applying the definitions of all add-ons")
            definitions = [one for manifests in add_ons.values() for one in manifests if one["kind"] == "CustomResourceDefinition"]
            cluster.apply(definitions, manager=_ARGO_CD)
            on_progress(name, f"{len(definitions)} definitions applied")
    root = _read_tree(tree / delivery.BOOTSTRAP / name)
    # A root Application that comes before its project or before these is called Unknown, and looked at again only after a minute.
    cluster.apply([one for one in root if one["kind"] != "Application"])
    on_progress(name, "Argo CD is starting")
    for deployment in _NEEDED_BY_ARGO_CD:
        cluster.wait_until_rolled_out(deployment, names.NAMESPACE_ARGOCD)
    cluster.apply([one for one in root if one["kind"] == "Application"])
    _record(local, name).write_text(_applied_by_hand(local, name), encoding="ascii")
    on_progress(name, "Argo CD takes over from here")


def admit_tenants(local: Local, name: str, cluster: Kubernetes) -> None:
    """Applies again what names every tenant: the projects of the root, and the certificate of their hosts.

    For a tenant that came since; what `bootstrap` applied otherwise counts as it is.
    """
    root = _read_tree(git_server.worktree(local.machine(network.INTERNET)) / delivery.BOOTSTRAP / name)
    cluster.apply([*(one for one in root if one["kind"] != "Application"), _edge_certificate(local, name)])
    _record(local, name).write_text(_applied_by_hand(local, name), encoding="ascii")


_NEEDED_BY_ARGO_CD = ("argocd-redis", "argocd-repo-server")

_ARGO_CD = "argocd-controller"
"""As whom we apply what Argo CD manages later, so that it is the one owner of every field."""

_TRACKING = "argocd.argoproj.io/tracking-id"

_EARLY, _PODS = frozenset({"Namespace", "CustomResourceDefinition"}), frozenset({"Deployment", "StatefulSet", "DaemonSet"})


def _tracked(manifest: Manifest, application: str, namespaces: Mapping[str, str]) -> Manifest:
    """`manifest` with the annotation by which Argo CD knows its own objects, as Argo CD itself would write it at its first sync.

    Definitions get none: Argo CD takes it away from them, and reads all definitions again for each one that it changes.
    """
    if manifest["kind"] == "CustomResourceDefinition":
        return manifest
    metadata = cast("dict[str, Any]", manifest["metadata"])
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    namespace = metadata.get("namespace") or namespaces.get(application, "")
    annotations = cast("dict[str, str]", metadata.get("annotations") or {})
    tracking = {_TRACKING: f"{application}:{group}/{manifest['kind']}:{namespace}/{metadata['name']}"}
    return cast("Manifest", {**manifest, "metadata": {**metadata, "annotations": {**annotations, **tracking}}})


def _belongs(kind: str, kinds: frozenset[str] | None) -> bool:
    return kind in kinds if kinds else kind not in _EARLY | _PODS


def is_bootstrapped(local: Local, name: str, cluster: Kubernetes) -> bool:
    """Whether Argo CD has taken over already, and what is applied by hand is what it was then."""
    record = _record(local, name)
    if not record.is_file() or record.read_text(encoding="ascii") != _applied_by_hand(local, name):
        return False
    return cluster.find("applications.argoproj.io", names.ROOT_APPLICATION, Application, namespace=names.NAMESPACE_ARGOCD) is not None


def _record(local: Local, name: str) -> Path:
    """Kept with the region's machine, so that a region whose disk was lost is bootstrapped again."""
    return local.machine(name).folder / "bootstrapped"


def _applied_by_hand(local: Local, name: str) -> str:
    """Stands for what `bootstrap` applies: definitions, the add-ons that come before Argo CD, the root, the hosts of the certificate."""
    tree = git_server.worktree(local.machine(network.INTERNET))
    parts = {
        tree / delivery.ADD_ONS / name: ("*/customresourcedefinition-*.yaml", *(f"{add_on}/*.yaml" for add_on in BY_HAND)),
        tree / delivery.BOOTSTRAP / name: ("*.yaml",),
        local.checkout.root / region.NODE_FOLDER: ("rbac.yaml",),
    }
    return key_of([digest.of_files(folder, globs) for folder, globs in parts.items()], _edge_hosts(local, name))


def webhook_certificate(local: Local) -> tuple[Path, Path]:
    """KServe's webhook certificate and key, signed by the internet machine's authority and kept with it."""
    outside = local.machine(network.INTERNET)
    certificate, key = outside.folder / "pki" / "kserve-webhook.crt", outside.folder / "pki" / "kserve-webhook.key"
    if not certificate.is_file():
        issued = certificates.issue(internet.own_authority(outside), _WEBHOOK_HOST, hosts=(_WEBHOOK_HOST, f"{_WEBHOOK_HOST}.cluster.local"))
        certificates.write_secret(key, issued.key_pem)
        certificates.write_secret(certificate, issued.certificate_pem)
    return certificate, key


def _edge_certificate(local: Local, name: str) -> Manifest:
    """The certificate of every tenant's host in one region; in production the secrets add-on brings it."""
    domain, hosts = local.platform.clusters[name].domain, _edge_hosts(local, name)
    issued = certificates.issue(internet.own_authority(local.machine(network.INTERNET)), domain, hosts=(domain, *hosts))
    data = {"tls.crt": issued.certificate_pem, "tls.key": issued.key_pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "edge-tls", "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels("edge")},
        "data": {key: base64.b64encode(content).decode() for key, content in data.items()},
    }


def _edge_hosts(local: Local, name: str) -> list[str]:
    cluster = local.platform.clusters[name]
    return [host for tenant in local.whole.tenants_of(name) for host in tenant.hosts_in(cluster.domain, cluster.edge.zone_name)]


def _redis_password(local: Local, name: str) -> Manifest:
    """Argo CD makes one itself, but everything waits for it meanwhile."""
    path = local.machine(name).folder / "pki" / "argocd-redis.password"
    if not path.is_file():
        certificates.write_secret(path, secrets.token_urlsafe(24).encode())
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-redis", "namespace": names.NAMESPACE_ARGOCD},
        "stringData": {"auth": path.read_text(encoding="ascii")},
    }


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _namespace_of(manifest: Manifest) -> str:
    return cast("dict[str, str]", manifest["metadata"])["namespace"]


def _read_tree(folder: Path) -> list[Manifest]:
    return [manifest for path in sorted(folder.rglob("*.yaml")) for manifest in _documents(path.read_text(encoding="utf-8"))]


def _documents(text: str) -> list[Manifest]:
    return [cast("Manifest", document) for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]
