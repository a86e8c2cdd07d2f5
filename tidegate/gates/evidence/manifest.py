"""The manifest of an evidence bundle: what was judged, how each gate came out, and the digest of every other file of the bundle."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tidegate.facts.fact import Fact, Sha256
from tidegate.gates.change.difference import Change
from tidegate.gates.merge import GateResult, State, described
from tidegate.gates.verdict import Outcome

FORMAT = "tidegate-gates/v1"
MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
"""The one file that the manifest does not list: it is made of the manifest's digest."""

FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,119}(/[a-z0-9][a-z0-9.-]{0,119})?$")]
"""A path inside the bundle, at most one folder deep; it leads nowhere else."""

Commit = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


class KeptFile(Fact):
    """What a file of the bundle must be."""

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0)]


class JudgedModel(Fact):
    """A version that the change is about."""

    tenant: str
    model: str
    version: int
    uri: str
    sha256: Sha256


class GateEntry(Fact):
    """How one gate came out. Its reasons are in the file `verdict`; both can be made again of `samples`."""

    gate: str
    subject: str = ""
    because: tuple[str, ...]
    state: State
    outcome: Outcome
    said: str
    """As people read it: the outcome, or that nothing was judged, and a substitution."""
    substituted: str = ""
    seconds: float
    samples: FileName | None = None
    """Compressed by gzip; None where nothing was measured, which is never a pass."""
    verdict: FileName


class Head(Fact):
    """What was judged."""

    commit: Commit
    is_working_tree: bool
    """Whether files were judged that no commit holds as they were; those are `uncommitted`."""
    uncommitted: tuple[str, ...] = ()
    facts_sha256: Sha256
    """Of every fact and rendered object, whatever commit holds them."""


class Machine(Fact):
    """Where it was measured; figures of load are worth no more than the machine."""

    system: str
    processors: int
    memory_gib: float


class Manifest(Fact):
    """The whole; its digest names the bundle."""

    format: Literal["tidegate-gates/v1"] = FORMAT
    base: Commit
    head: Head
    changes: tuple[Change, ...]
    models: tuple[JudgedModel, ...]
    gates: tuple[GateEntry, ...]
    outcome: Outcome
    notes: tuple[str, ...]
    files: dict[FileName, KeptFile]
    tools: dict[str, str]
    machine: Machine
    made_at: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
    signed_by: str = ""
    """The key whose signature must be beside the manifest; empty for a bundle that nobody signed."""

    def content(self) -> bytes:
        """The one form in which it is written: sorted keys, no spaces, a newline at the end."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"{text}\n".encode()

    @property
    def digest(self) -> str:
        """SHA-256 of `content`."""
        return hashlib.sha256(self.content()).hexdigest()


def kept(content: bytes) -> KeptFile:
    """What the manifest says of a file with `content`."""
    return KeptFile(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def slug(gate: str, subject: str) -> str:
    """A gate's folder in the bundle: `load-fraud-scorer`."""
    return "-".join(part for part in (gate, *subject.split("/")) if part)


def entry_of(result: GateResult) -> GateEntry:
    """What the manifest says of a gate's result."""
    folder = slug(result.picked.gate, result.picked.subject)
    return GateEntry(
        gate=result.picked.gate, subject=result.picked.subject, because=result.picked.because, state=result.state,
        outcome=result.verdict.outcome, said=described(result), substituted=result.substituted, seconds=round(result.seconds, 1),
        samples=f"{folder}/samples.json.gz" if result.samples else None, verdict=f"{folder}/verdict.json",
    )  # fmt: skip
