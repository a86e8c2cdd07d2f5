"""What time does to a region: certificates that end soon or do not hold yet, and a clock that jumped since the machine started.

Tokens, certificates and leases are judged by the clock, so each of these fails elsewhere first, and in other words.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from tidegate.embedded.fleet.bring_up import Local, kubeconfig_path
from tidegate.embedded.machines import network
from tidegate.embedded.machines.machines import Machine
from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.live.kubernetes import Kubernetes

SOON_DAYS = 30
JUMP_SECONDS = 60
"""A clock that is corrected little by little stays far below: 0.05 % is the most that the kernel slews, counted as `_SLEWED` of the time."""

_SLEWED = 0.0005
_EDGE_CERTIFICATE = "edge-tls"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
_AGAIN = "run `make down` and `make up`"
_RESTART = "`tidegate local stop` and `tidegate local start` make it again"
_KEPT = "pki"
"""The folder of what outlives a restart; all other certificates are made again at each start."""


def time_problems(local: Local, region: str, cluster: Kubernetes | None = None, now: datetime | None = None) -> list[str]:
    """One sentence for each, with the remedy. With `cluster` the edge's own certificate is read, too; one that cannot be read is left out."""
    at, machine, outside = now or datetime.now(UTC), local.machine(region), local.machine(network.INTERNET)
    said = [_jump(one.name, seconds) for one in (outside, machine) if (seconds := clock_jump_seconds(one, at.timestamp() if now else None))]
    for one in (outside, machine):
        for path in sorted([*(one.folder / _KEPT).glob("*.crt"), *(one.folder / "upper" / "etc").rglob("*.crt")]):
            kept = path.parent == one.folder / _KEPT
            said += _judged(f"{one.name}: {path.relative_to(one.folder).as_posix()}", _read(path), at, _AGAIN if kept else _RESTART)
    said += _judged(f"{region}: its kubeconfig", _client(kubeconfig_path(local, region)), at, "`tidegate local start` writes it again")
    if cluster:
        said += _judged(f"{region}: the edge's certificate", _edge(cluster), at, _AGAIN)
    return list(dict.fromkeys(said))


def clock_jump_seconds(machine: Machine, now: float | None = None) -> float:
    """By how much this computer's clock was set since the machine started, beside the time that passed; 0 for less than a jump.

    The record of the start has both: the kernel counts a process's start from its own, and the file was written by the clock.
    """
    process = machine.process()
    if process is None:
        return 0.0
    passed = time.clock_gettime(time.CLOCK_BOOTTIME) - process.start_ticks / os.sysconf("SC_CLK_TCK")
    by_clock = (time.time() if now is None else now) - machine.record_written_at()
    jump = by_clock - passed
    return jump if abs(jump) > JUMP_SECONDS + _SLEWED * passed else 0.0


def _jump(name: str, seconds: float) -> str:
    way = "forward" if seconds > 0 else "back"
    return (
        f"{name}: this computer's clock went {way} by {timedelta(seconds=round(abs(seconds)))} since the machine started; tokens, certificates "
        f"and leases are judged by it: set it right, or run `tidegate local stop` and `tidegate local start`"
    )


def _judged(what: str, pem: bytes, now: datetime, remedy: str) -> Iterator[str]:
    for found in _PEM.findall(pem):
        try:
            certificate = x509.load_pem_x509_certificate(found)
        except ValueError:
            yield f"{what} is no certificate; {remedy}"
            continue
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if now < begins:
            yield f"{what} holds from {begins:%Y-%m-%d %H:%M} UTC only, and the clock says {now:%Y-%m-%d %H:%M}: it went back; set it right"
        elif now >= ends:
            yield f"{what} ended on {ends:%Y-%m-%d}; {remedy}"
        elif ends - now < timedelta(days=SOON_DAYS):
            yield f"{what} ends on {ends:%Y-%m-%d}, in {(ends - now).days} days; {remedy}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the machine is being taken away
        return b""


def _client(kubeconfig: Path) -> bytes:
    """The certificate by which `tidegate` itself asks the region."""
    try:
        return base64.b64decode(json.loads(kubeconfig.read_bytes())["users"][0]["user"]["client-certificate-data"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return b""


def _edge(cluster: Kubernetes) -> bytes:
    asked = (
        "secret",
        _EDGE_CERTIFICATE,
        f"--namespace={names.NAMESPACE_EDGE}",
        "--ignore-not-found",
        r"--output=jsonpath={.data.tls\.crt}",
    )
    try:
        return base64.b64decode(cluster.run("get", *asked, timeout_seconds=15))
    except (ToolError, binascii.Error):
        return b""
