"""An evidence bundle is the same for the same input, is there whole or not at all, and says what it is."""

from __future__ import annotations

import errno
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.root import ROOT
from tests.tidegate.gates.golden_set.measurements import measured, scores
from tests.tidegate.repository.merge.bundles import load_result, static_result, unjudged, write
from tidegate.checkout import Checkout
from tidegate.errors import HostError
from tidegate.gates.change.picking import Picked
from tidegate.gates.golden_set.judge import judge as judge_golden
from tidegate.gates.golden_set.samples import Answer, Answers
from tidegate.gates.merge import GateResult, State
from tidegate.gates.static import Found
from tidegate.gates.verdict import Outcome
from tidegate.repository.merge.painters import paint
from tidegate.signing.evidence import EVIDENCE_KEY
from tidegate.signing.keys import embedded_signer

FOUND = Found(
    source="gitops/tenants/fraud.yaml", path="quota.cpu", rule="quota-below-floors", problem="too | <low>", remedy="raise it", value="1"
)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_input_gives_the_same_bytes_and_name(tmp_path: Path) -> None:
    first, manifest = write(tmp_path / "a", static_result(), load_result())
    second, _ = write(tmp_path / "b", static_result(), load_result())
    assert first.name == second.name == manifest.digest
    assert files(first) == files(second)
    assert sorted(files(first)) == [
        "junit.xml", "load-fraud-scorer/samples.json.gz", "load-fraud-scorer/verdict.json", "manifest.json",
        "policy/samples.json.gz", "policy/verdict.json", "summary.md",
    ]  # fmt: skip
    other, _ = write(tmp_path / "b", static_result(things=4), load_result())
    assert other.name != first.name


def test_manifest_says_what_was_judged(tmp_path: Path) -> None:
    folder, manifest = write(tmp_path, static_result(), unjudged("load"))
    content = json.loads((folder / "manifest.json").read_bytes())
    assert content["outcome"] == "inconclusive"
    assert content["models"] == [
        {"tenant": "fraud", "model": "scorer", "version": 1, "uri": "s3://tidegate-models/fraud/scorer/1",
         "sha256": "355207eb3aaf3230fe627dbb490835c731d5accee3b0abcfd64b22a0d1df033a"},
    ]  # fmt: skip
    assert [(one["gate"], one["subject"], one["said"], one["samples"]) for one in content["gates"]] == [
        ("policy", "", "pass", "policy/samples.json.gz"), ("load", "scoring/batch", "not-executed", None),
    ]  # fmt: skip
    assert content["signed_by"] == ""
    assert not (folder / "signature.json").exists()
    assert (folder / "manifest.json").read_bytes() == manifest.content()
    assert json.loads(gzip.decompress((folder / "policy/samples.json.gz").read_bytes()))["gate"] == "policy"


def test_summary_says_why_and_what_is_not_proved(tmp_path: Path) -> None:
    results = (static_result(found=(FOUND,), notes=("cost of the change: +12.00 USD a month",)), unjudged("load", State.SKIPPED))
    folder, _ = write(tmp_path, *results, pictures={"latency.svg": ("Latency of fraud/scorer", b"<svg/>")})
    text = (folder / "summary.md").read_text()
    assert text.startswith("<!-- tidegate gates -->\n## ❌ Tidegate gates: fail\n\nOnly `pass` merges.\n\n> a note\n\n| gate |")
    assert (
        r"| policy | ❌ fail | 0.0 | gitops/tenants/fraud.yaml: quota.cpu = 1: too \| &lt;low&gt;; raise it \[quota-below-floors\] |"
    ) in text
    assert "| load scoring/batch | ⏭️ skipped | 0.0 | scoring/batch: skipped: needs a card |" in text
    assert "\n- cost of the change: +12.00 USD a month\n" in text
    assert "![Latency of fraud/scorer](latency.svg)" in text
    assert "The evidence is **not signed**: anybody may have written it." in text


def test_junit_has_a_case_for_each_gate(tmp_path: Path) -> None:
    folder, _ = write(tmp_path, static_result(found=(FOUND,)), load_result(), unjudged("scale"), unjudged("golden-set", State.SKIPPED))
    suite = ET.fromstring((folder / "junit.xml").read_bytes())
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "61.3",
    }  # fmt: skip
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases == {
        "policy": ["failure", "system-out"], "load fraud/scorer": ["system-out"], "scale scoring/batch": ["error", "system-out"],
        "golden-set scoring/batch": ["skipped", "system-out"],
    }  # fmt: skip
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message", "").startswith("fail: gitops/tenants/fraud.yaml: quota.cpu = 1: too | <low>; raise it")


@pytest.mark.parametrize("answered", [0, 300, 499])
def test_golden_set_of_a_candidate_that_crashed_is_judged_and_not_painted(answered: int) -> None:
    values = scores(0.95, 100, 400, "good")
    cut = tuple(
        Answer(row=row, value=value if row < answered else None, failure="" if row < answered else "status 502")
        for row, value in enumerate(values)
    )
    crashed = measured(candidate=Answers(version="fraud/scorer/3", url="http://h", answers=cut))
    picked = Picked(gate="golden-set", subject="fraud/scorer", because=("fraud/scorer: version",))
    for samples, pictures in ((crashed, 0), (measured(), 2)):
        result = GateResult(picked, State.JUDGED, judge_golden(samples), samples.model_dump_json().encode())
        assert len(paint(Checkout(ROOT), [result])) == pictures


def test_load_is_painted_and_what_cannot_be_painted_is_left_out(tmp_path: Path) -> None:
    results = [static_result(), load_result(), unjudged("load"), replace(load_result(), samples=b"{}")]
    painted = paint(Checkout(ROOT), results[:3])
    assert list(painted) == ["load-fraud-scorer-1-curve.svg", "load-fraud-scorer-2-histogram.svg"]
    assert painted["load-fraud-scorer-1-curve.svg"][0] == "load fraud/scorer: Latency by quantile, from when a request was due"
    assert paint(Checkout(ROOT), results[3:]) == {}
    folder, manifest = write(tmp_path, *results[:3], pictures=painted)
    assert painted.keys() < manifest.files.keys()
    assert (folder / "load-fraud-scorer-1-curve.svg").read_text().startswith("<svg ")


def test_no_gate_passes_and_is_kept(tmp_path: Path) -> None:
    folder, manifest = write(tmp_path)
    assert manifest.outcome is Outcome.PASS
    assert sorted(files(folder)) == ["junit.xml", "manifest.json", "summary.md"]


def test_signed_bundle_names_its_key(tmp_path: Path) -> None:
    signer = embedded_signer(EVIDENCE_KEY, tmp_path / "keys")
    folder, manifest = write(tmp_path / "out", static_result(), signer=signer)
    assert manifest.signed_by == EVIDENCE_KEY
    assert json.loads((folder / "signature.json").read_bytes())["signatures"][0]["keyid"] == EVIDENCE_KEY
    assert "signed by `gate-evidence`" in (folder / "summary.md").read_text()


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    real = Path.write_bytes

    def full(self: Path, content: Any) -> int:
        written.append(self)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises((HostError, OSError), match=r"the disk is full; make room|No space left") as refused:
        write(tmp_path / "out", static_result(), load_result())
    assert len(written) == 4
    assert refused.value
    assert list((tmp_path / "out").iterdir()) == []


def test_bundle_that_is_there_stays(tmp_path: Path) -> None:
    folder, _ = write(tmp_path, static_result())
    (folder / "summary.md").write_text("somebody's")
    write(tmp_path, static_result())
    assert (folder / "summary.md").read_text() == "somebody's"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
