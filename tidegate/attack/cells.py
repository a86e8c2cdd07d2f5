"""One cell of the matrix: who tried what against whom, what had to happen and what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tidegate.facts.fact import Fact

Mode = Literal["meshed", "certificate", "outside"]
"""`meshed`: a container behind its sidecar. `certificate`: past the sidecar, with the tenant's own mesh certificate.
`outside`: a pod without sidecar."""

MODES: tuple[Mode, ...] = ("meshed", "certificate", "outside")

OPEN = "200"
"""What is seen when a call got through."""

UNKNOWN = "unknown"
"""The layer of a refusal that no proxy logged."""


class Call(Fact):
    """What an attacker's pod sends; the words of `probe.py`."""

    id: str
    address: str
    port: int
    tls: Literal["none", "plain", "mutual"]
    """`mutual` shows the tenant's mesh certificate, `plain` shows none."""
    sni: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str
    connect_seconds: float = 2
    timeout_seconds: float = 15


class Outcome(Fact):
    """What `probe.py` prints. `status` is 0 without an answer, then `failure` says in one word why; `port` is the caller's own."""

    id: str
    status: int
    failure: str
    detail: str
    port: int
    milliseconds: float

    @property
    def seen(self) -> str:
        """The status, or the word for how it failed."""
        return str(self.status) if self.status else self.failure


@dataclass(frozen=True, slots=True)
class Planned:
    """A call before it is sent. `expected` lists what may be seen, `layers` who may have refused it; none when nobody should."""

    region: str
    source: str
    mode: Mode
    path: str
    target: str
    expected: frozenset[str]
    layers: frozenset[str]
    call: Call
    pod: str = ""
    """The address of a pod that it needs, empty when it needs none: a pod that ends meanwhile proves nothing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A call that was judged. `layer` names the proxy that refused, `unknown` when none of them logged it."""

    region: str
    source: str
    mode: str
    path: str
    target: str
    expected: tuple[str, ...]
    seen: str
    layer: str
    as_expected: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Every cell of a run. `skipped` says what was not tried and why, `real` and `simulated` what the verdict rests on."""

    cells: tuple[Cell, ...]
    regions: tuple[str, ...]
    real: tuple[str, ...]
    simulated: tuple[str, ...]
    skipped: tuple[str, ...] = field(default_factory=tuple[str, ...])

    @property
    def wrong(self) -> list[Cell]:
        """The cells that are not as expected."""
        return [cell for cell in self.cells if not cell.as_expected]


def judge(planned: Planned, outcome: Outcome, layer: str) -> Cell:
    """The cell of a call that was sent. A refusal by another layer than the expected one is not as expected."""
    refused = outcome.seen != OPEN
    as_expected = outcome.seen in planned.expected and (not refused or layer in {UNKNOWN, *planned.layers})
    return Cell(
        planned.region, planned.source, planned.mode, planned.path, planned.target, tuple(sorted(planned.expected)), outcome.seen,
        layer if refused else "", as_expected, "" if as_expected else " ".join(outcome.detail.split()),
    )  # fmt: skip
