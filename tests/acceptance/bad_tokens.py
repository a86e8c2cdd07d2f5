"""Requests that the edge must refuse: tokens that are wrong in one way each, and right tokens in places where they do not belong."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tidegate.embedded.identity import tokens
from tidegate.facts.cluster import TokenIssuer

Headers = Sequence[tuple[str, str]]


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@functools.cache
def _load_key(path: Path) -> rsa.RSAPrivateKey:
    loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


@dataclass(frozen=True)
class Forge:
    """Makes tokens for the fraud tenant at one edge; `folder` holds the issuer's own key."""

    folder: Path
    issuer: TokenIssuer
    host: str
    other_host: str
    path: str
    body: bytes

    @property
    def key(self) -> rsa.RSAPrivateKey:
        return _load_key(self.folder / "token-signing.key")

    @property
    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says, with changes; None takes a claim away."""
        now = int(time.time())
        said: dict[str, Any] = {
            "iss": self.issuer.issuer, "aud": self.issuer.audience, "sub": "card-authorisation", self.issuer.tenant_claim: "fraud",
            "iat": now, "nbf": now, "exp": now + 600,
        }  # fmt: skip
        return {name: value for name, value in (said | changes).items() if value is not None}

    def token(self, *, header: Mapping[str, Any] | None = None, key: rsa.RSAPrivateKey | None = None, **changes: Any) -> str:
        """A token signed with RS256 by the issuer's key, or `key`."""
        head = {"alg": "RS256", "kid": tokens.KEY_ID, "typ": "JWT"} | dict(header or {})
        signed = self.unsigned({name: value for name, value in head.items() if value is not None}, self.claims(**changes))
        return f"{signed}.{text((key or self.key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def unsigned(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        return f"{text(json.dumps(header).encode())}.{text(json.dumps(claims).encode())}"

    def request(
        self, *authorizations: str, host: str = "", path: str = "", headers: Headers = (), target: str = "", body: bytes | None = None
    ) -> bytes:
        """The bytes of a request with these `Authorization` headers, sent as they are."""
        content = self.body if body is None else body
        lines = [f"POST {target or path or self.path} HTTP/1.1", f"Host: {host or self.host}"]
        lines += [f"Authorization: {value}" for value in authorizations] + [f"{name}: {value}" for name, value in headers]
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1") + content

    def bearer(self, token: str, **where: Any) -> bytes:
        """A request with one token."""
        return self.request(f"Bearer {token}", **where)


def _hmac(forge: Forge, secret: bytes, **header: Any) -> str:
    signed = forge.unsigned({"alg": "HS256", "kid": tokens.KEY_ID, "typ": "JWT"} | header, forge.claims())
    return f"{signed}.{text(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _flipped(forge: Forge) -> str:
    signed, _, signature = forge.token().rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[17] ^= 1
    return f"{signed}.{text(bytes(raw))}"


def _swapped(forge: Forge) -> str:
    head, _, signature = forge.token(tenant="credit", sub="loan-origination").split(".")
    return f"{head}.{text(json.dumps(forge.claims()).encode())}.{signature}"


@functools.cache
def _stranger() -> rsa.RSAPrivateKey:
    """A key that the issuer never had; making one takes most of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _own_key(forge: Forge, where: str) -> str:
    """A token that brings the key it was signed with."""
    key = _stranger()
    numbers = key.public_key().public_numbers()
    jwk = {
        "kty": "RSA", "alg": "RS256", "kid": "mine", "n": text(numbers.n.to_bytes(256, "big")), "e": text(numbers.e.to_bytes(3, "big")),
    }  # fmt: skip
    brought: dict[str, Any] = {
        "jwk": jwk, "jku": "https://172.31.250.1/mine.json", "x5u": "https://172.31.250.1/mine.pem", "x5c": [text(b"certificate")],
    }  # fmt: skip
    return forge.token(header={"kid": "mine", where: brought[where]}, key=key)


def _none(forge: Forge, spelt: str, signature: str = "") -> str:
    return f"{forge.unsigned({'alg': spelt, 'typ': 'JWT'}, forge.claims())}.{signature}"


BAD: dict[str, Callable[[Forge], bytes]] = {
    # Signed by the issuer, and wrong in what they say.
    "expired": lambda forge: forge.bearer(forge.token(exp=int(time.time()) - 600)),
    "expired-beyond-the-skew": lambda forge: forge.bearer(forge.token(exp=int(time.time()) - 90)),
    "not-yet-valid": lambda forge: forge.bearer(forge.token(nbf=int(time.time()) + 600)),
    "wrong-audience": lambda forge: forge.bearer(forge.token(aud="https://elsewhere.example.com")),
    "no-audience": lambda forge: forge.bearer(forge.token(aud=None)),
    "audience-in-nested-arrays": lambda forge: forge.bearer(forge.token(aud=[[forge.issuer.audience]])),
    "audience-as-object": lambda forge: forge.bearer(forge.token(aud={forge.issuer.audience: True})),
    "wrong-issuer": lambda forge: forge.bearer(forge.token(iss="https://login.example.net/tidegate")),
    "issuer-with-slash": lambda forge: forge.bearer(forge.token(iss=f"{forge.issuer.issuer}/")),
    "no-issuer": lambda forge: forge.bearer(forge.token(iss=None)),
    "wrong-tenant": lambda forge: forge.bearer(forge.token(tenant="credit")),
    "no-tenant": lambda forge: forge.bearer(forge.token(tenant=None)),
    "tenant-with-nul": lambda forge: forge.bearer(forge.token(tenant="fraud\0")),
    "tenant-with-space": lambda forge: forge.bearer(forge.token(tenant="fraud ")),
    "tenant-in-look-alike-letters": lambda forge: forge.bearer(forge.token(tenant="fr\N{CYRILLIC SMALL LETTER A}ud")),
    "tenant-in-array": lambda forge: forge.bearer(forge.token(tenant=["fraud"])),
    "tenant-in-nested-arrays": lambda forge: forge.bearer(forge.token(tenant=[["fraud"]])),
    "tenant-as-object": lambda forge: forge.bearer(forge.token(tenant={"fraud": "fraud"})),
    "wrong-subject": lambda forge: forge.bearer(forge.token(sub="somebody-else")),
    "no-subject": lambda forge: forge.bearer(forge.token(sub=None)),
    "subject-of-another-tenant": lambda forge: forge.bearer(forge.token(sub="loan-origination")),
    "subject-climbs": lambda forge: forge.bearer(forge.token(sub="../card-authorisation")),
    "subject-in-array": lambda forge: forge.bearer(forge.token(sub=["card-authorisation"])),
    "subject-is-a-star": lambda forge: forge.bearer(forge.token(sub="*")),
    # Not signed by the issuer.
    "algorithm-none": lambda forge: forge.bearer(_none(forge, "none")),
    "algorithm-none-in-capitals": lambda forge: forge.bearer(_none(forge, "NONE")),
    "algorithm-none-with-a-signature": lambda forge: forge.bearer(_none(forge, "none", "c2lnbmF0dXJl")),
    "hmac-with-the-public-key": lambda forge: forge.bearer(_hmac(forge, forge.public_pem)),
    "hmac-with-an-empty-key": lambda forge: forge.bearer(_hmac(forge, b"")),
    "hmac-with-the-null-device": lambda forge: forge.bearer(_hmac(forge, b"", kid="../../../../dev/null")),
    "says-es256": lambda forge: forge.bearer(forge.token(header={"alg": "ES256"})),
    "algorithm-missing": lambda forge: forge.bearer(forge.token(header={"alg": None})),
    "unknown-key-id": lambda forge: forge.bearer(forge.token(header={"kid": "embedded-9"}, key=_stranger())),
    "right-key-id-of-another-key": lambda forge: forge.bearer(forge.token(key=_stranger())),
    "key-id-is-a-path": lambda forge: forge.bearer(forge.token(header={"kid": "../../etc/machine/keys.json"})),
    "key-id-is-a-query": lambda forge: forge.bearer(forge.token(header={"kid": "' OR 1=1 --"})),
    "brings-its-key": lambda forge: forge.bearer(_own_key(forge, "jwk")),
    "names-its-key-set": lambda forge: forge.bearer(_own_key(forge, "jku")),
    "names-its-certificate": lambda forge: forge.bearer(_own_key(forge, "x5u")),
    "brings-its-certificate": lambda forge: forge.bearer(_own_key(forge, "x5c")),
    "flipped-bit": lambda forge: forge.bearer(_flipped(forge)),
    "swapped-payload": lambda forge: forge.bearer(_swapped(forge)),
    "no-signature": lambda forge: forge.bearer(forge.token().rpartition(".")[0] + "."),
    "two-parts": lambda forge: forge.bearer(forge.token().rpartition(".")[0]),
    "four-parts": lambda forge: forge.bearer(forge.token() + ".extra"),
    "truncated": lambda forge: forge.bearer(forge.token()[:-20]),
    # No token at all, or a form that is none.
    "no-header": lambda forge: forge.request(),
    "empty-header": lambda forge: forge.request(""),
    "bearer-of-nothing": lambda forge: forge.request("Bearer "),
    "garbage": lambda forge: forge.bearer("garbage"),
    "dots": lambda forge: forge.bearer(".."),
    "bearer-in-small-letters": lambda forge: forge.request(f"bearer {forge.token()}"),
    "end-in-words": lambda forge: forge.bearer(forge.token(exp="never")),
    "end-beyond-all-numbers": lambda forge: forge.bearer(forge.token(exp=10**30)),
    "basic": lambda forge: forge.request("Basic " + base64.b64encode(b"fraud:fraud").decode()),
    "without-the-word-bearer": lambda forge: forge.request(forge.token()),
    "nul-inside": lambda forge: forge.bearer(forge.token()[:40] + "\0" + forge.token()[40:]),
    "line-break-inside": lambda forge: forge.bearer(forge.token()[:40] + "\n" + forge.token()[40:]),
    "oversized": lambda forge: forge.bearer(forge.token(padding="x" * 65536)),
    "in-the-query": lambda forge: forge.request(path=f"{forge.path}?access_token={forge.token()}"),
    "in-a-cookie": lambda forge: forge.request(headers=[("Cookie", f"access_token={forge.token()}")]),
    "two-headers-bad-first": lambda forge: forge.request("Bearer garbage", f"Bearer {forge.token()}"),
    "two-headers-bad-last": lambda forge: forge.request(f"Bearer {forge.token()}", "Bearer garbage"),
    "two-tokens-of-two-tenants": lambda forge: forge.request(
        f"Bearer {forge.token(tenant='credit', sub='loan-origination')}", f"Bearer {forge.token()}"
    ),
    "two-tokens-in-one-header": lambda forge: forge.bearer(f"{forge.token()}, Bearer {forge.token()}"),
    # A right token, and somebody else's place.
    "another-tenants-host": lambda forge: forge.bearer(forge.token(), host=forge.other_host),
    "another-tenants-host-with-port": lambda forge: forge.bearer(forge.token(), host=f"{forge.other_host}:443"),
    "another-tenants-host-in-capitals": lambda forge: forge.bearer(forge.token(), host=forge.other_host.upper()),
    "another-tenants-host-with-dot": lambda forge: forge.bearer(forge.token(), host=f"{forge.other_host}."),
    "own-host-with-dot": lambda forge: forge.bearer(forge.token(), host=f"{forge.host}."),
    "absolute-form-of-another-host": lambda forge: forge.bearer(forge.token(), target=f"https://{forge.other_host}{forge.path}"),
    "two-hosts": lambda forge: forge.bearer(forge.token(), headers=[("Host", forge.other_host)]),
    "forwarded-host": lambda forge: forge.request(headers=[("X-Forwarded-Host", forge.host)], host=forge.other_host),
    "user-agent-of-kubelet": lambda forge: forge.request(f"Bearer {forge.token()}", headers=[("User-Agent", "kube-probe/1.36")]),
    # No token, and a path that might be read in two ways.
    **{
        f"path-{name}": (lambda forge, path=path: forge.request(path=path.replace("{path}", forge.path)))
        for name, path in {
            "double-slash": "/{path}",
            "encoded-slash": "%2f{path}",
            "backslash": "/%5c..{path}",
            "dots": "/a/..{path}",
            "encoded-dots": "/a/%2e%2e{path}",
            "semicolon": "/a/..;{path}",
            "fragment": "{path}#/a",
            "nul": "{path}%00",
        }.items()
    },
}

_UNAUTHENTICATED = (
    "expired", "expired-beyond-the-skew", "not-yet-valid", "audience-in-nested-arrays", "audience-as-object", "wrong-issuer",
    "issuer-with-slash", "no-issuer", "subject-in-array", "algorithm-none", "algorithm-none-in-capitals", "algorithm-none-with-a-signature",
    "hmac-with-the-public-key", "hmac-with-an-empty-key", "hmac-with-the-null-device", "says-es256", "algorithm-missing", "unknown-key-id",
    "right-key-id-of-another-key", "key-id-is-a-path", "key-id-is-a-query", "brings-its-key", "names-its-key-set", "names-its-certificate",
    "brings-its-certificate", "flipped-bit", "swapped-payload", "no-signature", "two-parts", "four-parts", "truncated", "garbage", "dots",
    "end-in-words", "end-beyond-all-numbers", "two-headers-bad-first", "two-headers-bad-last", "two-tokens-of-two-tenants",
    "two-tokens-in-one-header",
)  # fmt: skip
"""The token itself is wrong. Two `Authorization` headers are joined by a comma, and that is no token."""

_WITHOUT = (
    "no-header", "empty-header", "bearer-of-nothing", "basic", "bearer-in-small-letters", "without-the-word-bearer", "in-a-cookie",
    "in-the-query", "forwarded-host", "path-dots", "path-encoded-dots", "path-fragment",
)  # fmt: skip
"""No token is found where tokens are."""

_FOR_SOMEBODY_ELSE = ("wrong-audience", "no-audience")
_UNSERVED = ("path-semicolon", "path-double-slash", "path-backslash")
_MALFORMED = ("nul-inside", "line-break-inside", "path-encoded-slash", "path-nul", "user-agent-of-kubelet")

STATUS = (
    dict.fromkeys(BAD, 403)
    | dict.fromkeys((*_UNAUTHENTICATED, *_WITHOUT, *_FOR_SOMEBODY_ELSE), 401)
    | dict.fromkeys(_UNSERVED, 404)
    | dict.fromkeys(_MALFORMED, 400)
    | {"oversized": 431}
)
"""What each is answered with; 403 for whoever has a right token, of another tenant or caller."""

TOLERATED: dict[str, Callable[[Forge], bytes]] = {
    "host-with-port": lambda forge: forge.bearer(forge.token(), host=f"{forge.host}:443"),
    "host-in-capitals": lambda forge: forge.bearer(forge.token(), host=forge.host.upper()),
    "absolute-form": lambda forge: forge.bearer(forge.token(), target=f"https://{forge.host}{forge.path}"),
    "several-audiences": lambda forge: forge.bearer(forge.token(aud=[forge.issuer.audience, "https://elsewhere.example.com"])),
    "no-key-id": lambda forge: forge.bearer(forge.token(header={"kid": None})),
    "clocks-apart": lambda forge: forge.bearer(forge.token(exp=int(time.time()) - 20)),
}
"""Right all the same. Envoy allows clocks to differ by a minute."""
