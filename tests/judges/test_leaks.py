"""Each kind of secret is found where it is planted, and what only looks like one is not. Needs no region."""

from __future__ import annotations

import base64
import json

import pytest

from tests.judges.leaks import SHAPES, Known, Leak, by_shape, told
from tests.judges.planted_secrets import EC_KEY, INNOCENT, PKCS8, PLANTED, pem


@pytest.mark.parametrize("name", PLANTED)
def test_planted_secret_is_found(name: str) -> None:
    text, shape = PLANTED[name]
    found = [leak for leak in by_shape("file", f"first line\nsecond line\n{text}\nlast line\n") if leak.what == shape]
    assert found, text
    assert found[0].line in {3, 5}  # in YAML two lines stand above it


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent_text_is_no_finding(name: str) -> None:
    assert not list(by_shape("file", INNOCENT[name]))


def test_each_shape_has_a_planted_secret() -> None:
    assert {shape for _, shape in PLANTED.values()} == set(SHAPES)


def test_known_secret_is_found_by_value_and_named() -> None:
    key, password = pem(EC_KEY, PKCS8), b"correct-horse-battery"
    known = Known({"argocd/argocd-redis auth": password, "istio-ingress/edge-tls tls.key": key.encode()})
    assert len(known) == 2
    for text, name in (
        (f"requirepass {password.decode()}", "argocd/argocd-redis auth"),
        (f"auth: {base64.b64encode(password).decode()}", "argocd/argocd-redis auth"),
        (key, "istio-ingress/edge-tls tls.key"),
        (json.dumps(key), "istio-ingress/edge-tls tls.key"),
    ):
        assert next(known.leaks("log", text)) == Leak("log", 1 if "\n" not in text else 2, name)
    assert not list(known.leaks("log", INNOCENT["public-key"] + INNOCENT["certificate"] + "correct-horse"))
    assert not list(Known({"short": b"emulated"}).leaks("log", "emulated"))


def test_finding_does_not_tell_the_secret() -> None:
    text, _ = PLANTED["aws-secret-key"]
    assert "k9Zq" not in told(by_shape("file", text))
