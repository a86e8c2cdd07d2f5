"""Finds secrets in text: by their shape, and by their value where it is known. A finding names the place and never the secret."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

SHAPES: dict[str, re.Pattern[str]] = {
    # Bytes must follow: texts about keys, and code that looks for them, hold the first line alone.
    "private-key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\[rn]|[\s\"'+-])+[A-Za-z0-9+/]{40}"),
    # The first line as base64, as Secrets and kubeconfigs hold it: plain, EC, RSA, encrypted and OpenSSH keys.
    "private-key-in-base64": re.compile(
        r"LS0tLS1CRUdJTi(?:BQUklWQVRF|BFQyBQUklWQVRF|BSU0EgUFJJVkFURS|BFTkNSWVBURUQgUFJJVkFURS|BPUEVOU1NIIFBSSVZBVEUg)[A-Za-z0-9+/=]{40}"
    ),
    "aws-key-id": re.compile(r"\b(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b"),
    "aws-secret-key": re.compile(
        r"(?i)(?:aws_?secret_?(?:access_?)?|secret_?access_?)key[\"'\s:=]{1,6}(?![A-Za-z0-9/+]*EXAMPLE)[A-Za-z0-9/+]{40}\b"
    ),
    "json-web-token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    "forge-token": re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20}|xox[bpars]-[A-Za-z0-9-]{20,})"
    ),
    "vault-token": re.compile(r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    "password-in-url": re.compile(r"://(?<=[a-z0-9+.-]://)[^/\s:@\"'{}$<>%]+:(?![$<{%*])[^/\s:@\"'{}]{6,}@[a-z0-9]"),
}
"""By name. Each is narrow enough that a finding is to be looked at, not to be filtered."""

HINTS: dict[str, tuple[str, ...]] = {
    "private-key": ("private key-----",),
    "private-key-in-base64": ("ls0tls1crudjti",),
    "aws-key-id": ("akia", "asia"),
    "aws-secret-key": ("secret_key", "secretkey", "secret_access", "secretaccess", "aws_secret", "awssecret"),
    "json-web-token": ("eyj",),
    "forge-token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox"),
    "vault-token": ("hvs.", "hvb.", "hvr."),
    "password-in-url": ("://",),
}
"""What a text holds in small letters if it holds the shape: logs of a region are long, and most hold none."""

SHORTEST_VALUE = 12
"""Bytes. Shorter ones, such as ports and user names, would be found everywhere."""


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """A secret where it must not be."""

    place: str
    line: int
    what: str


def by_shape(place: str, text: str) -> Iterator[Leak]:
    """Everything in `text` that looks like a secret."""
    lowered = text.lower()
    for name, shape in SHAPES.items():
        for found in shape.finditer(text) if any(hint in lowered for hint in HINTS[name]) else ():
            yield Leak(place, text.count("\n", 0, found.start()) + 1, name)


class Known:
    """Secrets whose values are known: found as they are and in base64."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._needles: dict[str, str] = {}
        for name, value in values.items():
            for needle in _spellings(value):
                self._needles.setdefault(needle, name)

    def __len__(self) -> int:
        return len(set(self._needles.values()))

    def leaks(self, place: str, text: str) -> Iterator[Leak]:
        """Where `text` holds one of them; named by what they are called."""
        # One search after the other: a pattern of all needles would be a hundred times slower.
        for needle, name in self._needles.items():
            if (start := text.find(needle)) >= 0:
                yield Leak(place, text.count("\n", 0, start) + 1, name)


def _spellings(value: bytes) -> Iterator[str]:
    """A key in PEM is known by one line that its public half does not share: the first of a short one, the last of a long one."""
    if b"PRIVATE KEY-----" in value:
        lines = [line for line in value.decode(errors="replace").splitlines() if len(line) > 40 and "-" not in line]
        value = (lines[0] if len(lines) < 5 else lines[-1]).encode() if lines else b""
    if len(value) < SHORTEST_VALUE:
        return
    with contextlib.suppress(UnicodeDecodeError):
        yield value.decode().strip()
    yield base64.b64encode(value).decode().rstrip("=")


def is_secret(value: bytes) -> bool:
    """Certificates, addresses and settings lie in Secrets too; they are none."""
    text = value.decode(errors="replace").strip()
    if "PRIVATE KEY-----" in text:
        return True
    return not ("BEGIN CERTIFICATE" in text or "://" in text or re.fullmatch(r"[a-z0-9.:-]{0,40}", text)) and len(value) >= SHORTEST_VALUE


def told(leaks: Iterable[Leak]) -> str:
    """One line each, at most twenty."""
    found = sorted(set(leaks))
    return "\n".join(f"{leak.place}:{leak.line}: {leak.what}" for leak in found[:20]) + (
        f"\n... of {len(found)}" if len(found) > 20 else ""
    )
