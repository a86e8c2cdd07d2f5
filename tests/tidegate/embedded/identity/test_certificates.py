"""Identities are what RBAC and TLS believe, so each is read back as its reader does."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from tidegate.embedded.identity import certificates, pki
from tidegate.errors import MachineError

REGION = pki.RegionNames("live-1", "live-1-node-1", "172.31.250.11", "10.102.0.1")


def test_a_leaf_names_its_user_groups_and_hosts() -> None:
    ca = certificates.authority("tidegate test")
    leaf = certificates.issue(ca, "system:node:one", groups=("system:nodes",), hosts=("one", "172.31.250.11")).certificate
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "system:node:one"
    assert leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:nodes"
    alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.DNSName) == ["one"]
    assert [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)] == ["172.31.250.11"]
    leaf.verify_directly_issued_by(ca.certificate)


def test_only_the_engineer_is_an_administrator(tmp_path: Path) -> None:
    files = pki.region_files(tmp_path, REGION)
    administrators = {name for name, (_, groups) in pki.CLIENTS.items() if "system:masters" in groups}
    assert administrators == {"admin"}
    assert {path for path in files if path.endswith(".conf")} == {
        "/etc/kubernetes/admin.conf", "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/kube-proxy.conf",
        "/etc/kubernetes/kubelet.conf", "/etc/kubernetes/kwok.conf", "/etc/kubernetes/scheduler.conf",
    }  # fmt: skip


def test_etcd_trusts_another_authority_than_the_cluster(tmp_path: Path) -> None:
    files = pki.region_files(tmp_path, REGION)
    etcd = x509.load_pem_x509_certificate(files["/etc/kubernetes/pki/etcd.crt"])
    etcd.verify_directly_issued_by(x509.load_pem_x509_certificate(files["/etc/kubernetes/pki/etcd-ca.crt"]))
    with pytest.raises(ValueError, match="does not match"):
        etcd.verify_directly_issued_by(x509.load_pem_x509_certificate(files["/etc/kubernetes/pki/ca.crt"]))


def test_a_restart_keeps_authority_signing_key_and_encryption_key(tmp_path: Path) -> None:
    first, second = (pki.region_files(tmp_path, REGION) for _ in range(2))
    for path in ("ca.crt", "ca.key", "etcd-ca.crt", "service-accounts.key"):
        assert first[f"/etc/kubernetes/pki/{path}"] == second[f"/etc/kubernetes/pki/{path}"]
    assert pki.encryption_key(tmp_path) == pki.encryption_key(tmp_path)


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    pki.region_files(tmp_path / "pki", REGION)
    pki.encryption_key(tmp_path / "pki")
    for path in (tmp_path / "pki").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_a_foreign_key_in_the_folder_is_refused(tmp_path: Path) -> None:
    pki.open_authority(tmp_path, "ca")
    foreign = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "ca.key").write_bytes(foreign)
    with pytest.raises(MachineError, match=r"ca\.key is not the key that Tidegate made"):
        pki.open_authority(tmp_path, "ca")
