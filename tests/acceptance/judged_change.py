"""Judges a change with `tidegate gate pr`, and reads what the run left."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.running_platform import Running
from tests.root import ROOT
from tidegate import tools
from tidegate.errors import ToolError
from tidegate.gates.candidate import SUFFIX
from tidegate.gates.evidence.manifest import GateEntry, Manifest
from tidegate.gates.scale.samples import ScaleSamples
from tidegate.gates.verdict import Verdict
from tidegate.repository.merge.verify import only_bundle, read_manifest, read_verdict

RecordProperty = Callable[[str, object], None]


def command(*words: str) -> tuple[int, list[str]]:
    """Exit code and lines of a `tidegate gate`."""
    said: list[str] = []
    try:
        tools.stream([str(ROOT / ".venv/bin/tidegate"), "gate", *words], said.append, cwd=ROOT, timeout_seconds=1200)
    except ToolError as error:
        return error.exit_code, said
    return 0, said


@dataclass(frozen=True)
class Judged:
    """What a gate of a whole change left."""

    exit_code: int
    folder: Path
    manifest: Manifest

    def gate(self, name: str) -> GateEntry:
        return next(one for one in self.manifest.gates if one.gate == name)

    def scale_samples(self) -> ScaleSamples:
        kept = self.gate("scale").samples
        assert kept, self.verdict("scale").lines()
        return ScaleSamples.model_validate_json(gzip.decompress((self.folder / kept).read_bytes()))

    def verdict(self, name: str) -> Verdict:
        found = read_verdict(self.folder, self.gate(name))
        assert found
        return found


def judged(commit: str, region: str, out: Path, record: RecordProperty) -> Judged:
    code, said = command("pr", "--base", "HEAD", "--head", commit, "--region", region, "--out", str(out))
    assert (out / "summary.md").is_file(), said
    folder = only_bundle(out)
    manifest = read_manifest(folder)
    record("seconds", {f"{one.gate} {one.subject}".strip(): one.seconds for one in manifest.gates})
    record("said", {f"{one.gate} {one.subject}".strip(): one.said for one in manifest.gates})
    again, told = command("verify", str(out))
    assert again == code, "from the samples alone another verdict was made: " + "\n".join(told)
    assert manifest.signed_by == "gate-evidence"
    return Judged(code, folder, manifest)


def left(platform: Running, region: str) -> list[str]:
    """What is left of candidates."""
    kinds = "namespaces,applications.argoproj.io,appprojects.argoproj.io"
    there = platform.cluster(region).run("get", kinds, "--all-namespaces", "--output=name").split()
    return [one for one in there if one.endswith(SUFFIX)]
