"""Writes the evidence of a change into a folder that is named by its digest, whole or not at all."""

from __future__ import annotations

import gzip
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from tidegate.gates.evidence.junit import junit
from tidegate.gates.evidence.manifest import MANIFEST, SIGNATURE, Head, JudgedModel, Machine, Manifest, entry_of, kept
from tidegate.gates.evidence.summary import summary
from tidegate.gates.merge import GateResult, outcome_of
from tidegate.gates.verdict import Verdict
from tidegate.host_refusals import naming
from tidegate.repository.merge.changes import PullRequest
from tidegate.repository.merge.git import version_of
from tidegate.signing.evidence import sign_evidence
from tidegate.signing.keys import Signer
from tidegate.tools.files import folder_in_the_making

SUMMARY, JUNIT = "summary.md", "junit.xml"


def this_machine() -> Machine:
    """What measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}", processors=os.cpu_count() or 1, memory_gib=round(memory, 1)
    )


def write_bundle(
    folder: Path, change: PullRequest, results: Sequence[GateResult], *, notes: Sequence[str], made_at: datetime, machine: Machine,
    signer: Signer | None, pictures: Mapping[str, tuple[str, bytes]] | None = None,
) -> tuple[Path, Manifest]:  # fmt: skip
    """Writes the bundle below `folder`; returns its folder and its manifest. The same input gives the same bytes, the signature apart.

    `pictures` are (what it shows, content) by file name. One that is there already stays as it is. Raises `HostError` when the disk is full
    or the folder cannot be written; nothing is left of it then.
    """
    shown = pictures or {}
    signed_by = signer.key_id if signer else ""
    text = summary(change.changes, results, notes, {what: name for name, (what, _) in shown.items()}, signed_by)
    files = {SUMMARY: text.encode(), JUNIT: junit(results).encode(), **{name: content for name, (_, content) in shown.items()}}
    entries = [entry_of(result) for result in results]
    for entry, result in zip(entries, results, strict=True):
        files[entry.verdict] = TypeAdapter(Verdict).dump_json(result.verdict, indent=1) + b"\n"
        if entry.samples:
            files[entry.samples] = gzip.compress(result.samples, mtime=0)
    manifest = Manifest(
        base=change.ends.base,
        head=Head(
            commit=change.ends.head, is_working_tree=change.ends.is_working_tree,
            uncommitted=change.ends.uncommitted if change.ends.is_working_tree else (), facts_sha256=change.facts_sha256,
        ),
        changes=change.changes, models=tuple(_models(change)), gates=tuple(entries), outcome=outcome_of(results), notes=tuple(notes),
        files={name: kept(content) for name, content in files.items()}, machine=machine, signed_by=signed_by,
        made_at=f"{made_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        tools={"tidegate": version("tidegate"), "python": sys.version.split()[0], "git": version_of("git").removeprefix("git version ")},
    )  # fmt: skip
    files[MANIFEST] = manifest.content()
    if signer:
        files[SIGNATURE] = sign_evidence(manifest.digest, signer)
    place = folder / manifest.digest
    with naming(place), folder_in_the_making(place) as unfinished:
        for name, content in files.items():
            (unfinished / name).parent.mkdir(exist_ok=True)
            (unfinished / name).write_bytes(content)
        unfinished.chmod(0o755)
    return place, manifest


def _models(change: PullRequest) -> list[JudgedModel]:
    found: list[JudgedModel] = []
    for subject in change.models:
        tenant, _, name = subject.partition("/")
        assert change.tree.platform, "models are known of facts that were read"
        artefact = change.tree.platform.tenants[tenant].models[name].artefact
        found.append(JudgedModel(tenant=tenant, model=name, version=artefact.version, uri=artefact.uri, sha256=artefact.sha256))
    return found
