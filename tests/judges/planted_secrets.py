"""Secrets made up for tests, and texts that only look like secrets; put together here, so that no scan finds this file."""

from __future__ import annotations

import base64
import json

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


EC_KEY = ec.generate_private_key(ec.SECP256R1())
PKCS8, TRADITIONAL, OPENSSH = (
    serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.OpenSSH,
)  # fmt: skip


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PLANTED: dict[str, tuple[str, str]] = {
    "pem": (pem(EC_KEY, PKCS8), "private-key"),
    "pem-of-ec": (pem(EC_KEY, TRADITIONAL), "private-key"),
    "pem-of-rsa": (pem(rsa.generate_private_key(65537, 2048), TRADITIONAL), "private-key"),
    "pem-of-ssh": (pem(EC_KEY, OPENSSH), "private-key"),
    "pem-in-json": (json.dumps({"key": pem(EC_KEY, PKCS8)}), "private-key"),
    "pem-in-yaml": (yaml.safe_dump({"data": {"tls.key": pem(EC_KEY, PKCS8)}}, default_style="|"), "private-key"),
    "pem-as-removed-in-a-diff": ("\n".join(f"-{line}" for line in pem(EC_KEY, PKCS8).splitlines()), "private-key"),
    "secret": (f"  tls.key: {in_base64(pem(EC_KEY, PKCS8))}\n", "private-key-in-base64"),
    "secret-of-ec": (f"  tls.key: {in_base64(pem(EC_KEY, TRADITIONAL))}\n", "private-key-in-base64"),
    "secret-of-ssh": (f"  key: {in_base64(pem(EC_KEY, OPENSSH))}\n", "private-key-in-base64"),
    "aws-key-id": ("AWS_ACCESS_KEY_ID=" + "AKIA" + "Q3EGUZ7RXN5LWKTB", "aws-key-id"),
    "aws-session-key-id": ('"accessKeyId": "' + "ASIA" + 'Q3EGUZ7RXN5LWKTB"', "aws-key-id"),
    "aws-secret-key": ("aws_secret_access_key = " + "k9Zq" * 10, "aws-secret-key"),
    "aws-secret-key-in-json": ('"SecretAccessKey": "' + "k9Zq" * 10 + '"', "aws-secret-key"),
    "aws-secret-key-in-environment": ("AWS_SECRET_ACCESS_KEY=" + "k9Zq" * 10, "aws-secret-key"),
    "service-account-token": (
        ".".join(base64.urlsafe_b64encode(part * 3).decode().rstrip("=") for part in (b'{"alg":"RS256"}', b'{"sub":"a"}', b"signature")),
        "json-web-token",
    ),
    "forge-token": ("remote: " + "ghp" + "_" + "a1B2" * 9, "forge-token"),
    "vault-token": ("VAULT_TOKEN=" + "hvs" + "." + "CAESI" * 6, "vault-token"),
    "password-in-url": ("postgres" + "://ledger:" + "s3cretSauce@db.example.com/ledger", "password-in-url"),
}  # fmt: skip

INNOCENT = {
    "certificate": "-----BEGIN CERTIFICATE-----\nMIIBczCCARmgAwIBAgIUWiUKCiSFupPGoh\n",
    "public-key": EC_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
    "text-about-keys": "a file that begins with -----BEGIN PRIVATE KEY----- is refused",
    "example-of-aws": "AKIAIOSFODNN7EXAMPLE and aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "digest": "image: registry.example.com/tidegate/mlserver@sha256:" + "07c161505b463d7b" * 4,
    "reference": "valueFrom: {secretKeyRef: {name: argocd-redis, key: auth}}",
    "placeholder-in-url": "https://user:${TOKEN_OF_REGISTRY}@registry.example.com",
    "port-in-url": "http://metadata.example.com:8080/latest/token@v1",
    "emulated": "AWS_SECRET_ACCESS_KEY: emulated",
}
