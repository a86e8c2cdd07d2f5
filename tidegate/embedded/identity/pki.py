"""Who is who in a region: an identity per component, none of them a cluster administrator but the platform engineer's.

Kept with the machine, so that a restart finds the same authority and pods keep trusting it.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tidegate.embedded.identity.certificates import KeyPair, authority, issue, new_key, private_pem, public_pem, write_secret
from tidegate.errors import MachineError

CLIENTS: Mapping[str, tuple[str, Sequence[str]]] = {
    # kubeconfig: user and groups; RBAC bindings of these names are Kubernetes' own, but for kwok's.
    "controller-manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "kube-proxy": ("system:kube-proxy", ()),
    "kwok": ("tidegate:kwok", ()),
    # What `tidegate` itself and the engineer use; bound by the API server to cluster-admin.
    "admin": ("platform-engineer", ("system:masters",)),
}


@dataclass(frozen=True, slots=True)
class RegionNames:
    """What certificates of one region name."""

    name: str
    node_name: str
    node_address: str
    api_service_address: str


def open_authority(folder: Path, name: str) -> KeyPair:
    """The authority kept in `folder` as `<name>.crt` and `<name>.key`, made when there is none."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if certificate.is_file() and key.is_file():
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise MachineError(f"{key} is not the key that Tidegate made; run `make down` and `make up`")
        return KeyPair(loaded, x509.load_pem_x509_certificate(certificate.read_bytes()))
    made = authority(f"tidegate {name}")
    write_secret(key, made.key_pem)
    write_secret(certificate, made.certificate_pem)
    return made


def region_files(folder: Path, region: RegionNames) -> dict[str, bytes]:
    """Every certificate, key and kubeconfig of a region, by its path inside the machine.

    The authorities, the key that signs service accounts and the key that encrypts secrets are kept in `folder`; leaves are
    made again at each start.
    """
    ca, etcd_ca = open_authority(folder, "ca"), open_authority(folder, "etcd-ca")
    node = f"system:node:{region.node_name}"
    api_hosts = (
        "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost",
        "127.0.0.1", region.node_address, region.api_service_address,
    )  # fmt: skip
    leaves = {
        "etcd": issue(etcd_ca, "etcd", hosts=("127.0.0.1", "localhost")),
        "apiserver-etcd": issue(etcd_ca, "kube-apiserver"),
        "apiserver": issue(ca, "kube-apiserver", hosts=api_hosts),
        "apiserver-kubelet": issue(ca, "kube-apiserver-kubelet-client"),
        "front-proxy": issue(ca, "front-proxy"),
        "kubelet-server": issue(ca, node, hosts=(region.node_address, region.node_name)),
    }
    pki = "/etc/kubernetes/pki"
    files = {f"{pki}/ca.crt": ca.certificate_pem, f"{pki}/ca.key": ca.key_pem, f"{pki}/etcd-ca.crt": etcd_ca.certificate_pem}
    for name, leaf in leaves.items():
        files[f"{pki}/{name}.crt"] = leaf.certificate_pem
        files[f"{pki}/{name}.key"] = leaf.key_pem
    signing = service_account_key(folder)
    files[f"{pki}/service-accounts.key"] = private_pem(signing)
    files[f"{pki}/service-accounts.pub"] = public_pem(signing)
    server = f"https://{region.node_address}:6443"
    for name, (user, groups) in CLIENTS.items():
        files[f"/etc/kubernetes/{name}.conf"] = kubeconfig(ca, issue(ca, user, groups=groups), server, region.name)
    kubelet = issue(ca, node, groups=("system:nodes",))
    files["/etc/kubernetes/kubelet.conf"] = kubeconfig(ca, kubelet, server, region.name)
    return files


def kubeconfig(ca: KeyPair, client: KeyPair, server: str, cluster: str) -> bytes:
    """A kubeconfig with everything inline, as JSON, which is YAML."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": _inline(ca.certificate_pem)}}],
        "users": [
            {
                "name": cluster,
                "user": {"client-certificate-data": _inline(client.certificate_pem), "client-key-data": _inline(client.key_pem)},
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
    }
    return json.dumps(document, indent=1).encode()


def service_account_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The key that signs service accounts' tokens; a new one would end every pod's login."""
    path = folder / "service-accounts.key"
    if path.is_file():
        loaded = serialization.load_pem_private_key(path.read_bytes(), None)
        if isinstance(loaded, ec.EllipticCurvePrivateKey):
            return loaded
    key = new_key()
    write_secret(path, private_pem(key))
    return key


def encryption_key(folder: Path) -> str:
    """The key that encrypts Secrets in etcd: 32 bytes as base64; without it they could never be read again."""
    path = folder / "encryption.key"
    if not path.is_file():
        write_secret(path, base64.b64encode(secrets.token_bytes(32)))
    return path.read_text(encoding="ascii")


def _inline(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
