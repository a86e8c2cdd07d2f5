"""Keys of this machine: made once, kept from others, and refused when they are not what they should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tidegate.checkout import cache_folder
from tidegate.errors import UsageError
from tidegate.signing import keys
from tidegate.signing.keys import KeyFile, embedded_keys, embedded_signer


def test_key_is_made_once_and_is_its_owners_only(tmp_path: Path) -> None:
    first = embedded_signer("fraud-release", tmp_path / "keys")
    assert embedded_signer("fraud-release", tmp_path / "keys").public_pem() == first.public_pem()
    assert embedded_signer("credit-release", tmp_path / "keys").public_pem() != first.public_pem()
    assert (first.path.stat().st_mode & 0o777, first.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert sorted(path.name for path in first.path.parent.iterdir()) == ["credit-release.key", "fraud-release.key"]


def test_two_who_make_the_same_key_at_once_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = embedded_signer("fraud-release", tmp_path).public_pem()
    is_file = Path.is_file

    def not_seen_yet(path: Path) -> bool:
        return path.suffix != ".key" and is_file(path)

    monkeypatch.setattr(Path, "is_file", not_seen_yet)
    assert embedded_signer("fraud-release", tmp_path).public_pem() == made


def test_keys_are_kept_outside_every_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert embedded_keys() == cache_folder() / "model-keys" == tmp_path / "tidegate" / "model-keys"


def write(path: Path, key: ec.EllipticCurvePrivateKey, *, password: bytes | None = None) -> KeyFile:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    path.chmod(0o600)
    return KeyFile("fraud-release", path)


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    signer = write(tmp_path / "key", ec.generate_private_key(ec.SECP256R1()))
    signer.path.chmod(0o640)
    with pytest.raises(UsageError, match="may be read by others; run chmod 600 on it"):
        signer.sign(b"x")


@pytest.mark.parametrize("content", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"], ids=["empty", "damaged"])
def test_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(UsageError, match="cannot be read as a private key"):
        KeyFile("fraud-release", tmp_path / "key").public_pem()


def test_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as a private key"):
        KeyFile("fraud-release", tmp_path / "key").public_pem()


def test_key_with_a_password_is_refused(tmp_path: Path) -> None:
    signer = write(tmp_path / "key", ec.generate_private_key(ec.SECP256R1()), password=b"secret")
    with pytest.raises(UsageError, match="without a password"):
        signer.sign(b"x")


def test_key_of_another_curve_is_refused(tmp_path: Path) -> None:
    signer = write(tmp_path / "key", ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(UsageError, match="no key on the curve P-256"):
        signer.sign(b"x")


def test_half_written_key_never_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(keys.os, "link", fail)
    with pytest.raises(KeyboardInterrupt):
        embedded_signer("fraud-release", tmp_path)
    monkeypatch.setattr(keys.os, "link", os.link)
    assert list(tmp_path.iterdir()) == []
