"""Each kind of bad version fails at the gate that is about it, and what could not be judged blocks; long, so in `make soak` only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.judged_change import Judged, RecordProperty, judged, left
from tests.acceptance.pull_request import commit, fix_replicas, propose, publish, set_profile
from tests.acceptance.running_platform import Running
from tidegate.checkout import Checkout
from tidegate.gates.verdict import Outcome

REGION, MODEL = "live-1", "fraud/scorer"

pytestmark = [pytest.mark.timeout(1200), pytest.mark.soak, pytest.mark.touches(regions=[REGION], tenant="fraud")]


def of_version(copy: Checkout, version: int, of: str, out: Path, record: RecordProperty) -> Judged:
    return judged(propose(copy, MODEL, version, publish(f"{MODEL}/{version}", f"{MODEL}/{of}")), REGION, out, record)


def said_of(found: Judged, gate: str) -> str:
    return "\n".join(found.verdict(gate).lines())


def test_wrong_version_fails_by_its_golden_set(platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    found = of_version(copy, 5, "3-wrong", tmp_path / "kept", record_property)
    assert found.gate("golden-set").outcome is Outcome.FAIL, said_of(found, "golden-set")
    assert "auc is" in said_of(found, "golden-set")
    assert found.gate("load").said == "skipped"
    assert found.exit_code == 1
    assert left(platform, REGION) == []


def test_crashing_version_fails_and_is_named_as_such(
    platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty
) -> None:
    found = of_version(copy, 6, "3-crashing", tmp_path / "kept", record_property)
    said = said_of(found, "golden-set")
    assert found.gate("golden-set").outcome is Outcome.FAIL, said
    assert "502" in said or "503" in said, said
    assert found.exit_code == 1
    assert left(platform, REGION) == []


def test_slow_version_fails_by_load(platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    found = of_version(copy, 7, "3-slow", tmp_path / "kept", record_property)
    assert found.gate("golden-set").outcome is Outcome.PASS, said_of(found, "golden-set")
    assert any(one.outcome is Outcome.FAIL and one.text.startswith("p99_ms does not hold: ") for one in found.verdict("load").reasons)
    assert found.exit_code != 0
    assert left(platform, REGION) == []


def test_idle_profile_is_inconclusive_and_blocks(copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    fix_replicas(copy, MODEL)
    set_profile(copy, MODEL, requests_per_second=1, duration_seconds=10)
    found = judged(commit(copy, "Send almost nothing"), REGION, tmp_path / "kept", record_property)
    assert not {one.gate for one in found.manifest.gates} & {"golden-set", "scale"}
    assert found.gate("load").outcome is Outcome.INCONCLUSIVE, said_of(found, "load")
    assert found.exit_code == 3


def test_overloaded_generator_is_invalid_and_blocks(copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    fix_replicas(copy, MODEL)
    set_profile(copy, MODEL, requests_per_second=1000, duration_seconds=10)
    found = judged(commit(copy, "Send more than this machine can"), REGION, tmp_path / "kept", record_property)
    assert found.gate("load").outcome is Outcome.INVALID, said_of(found, "load")
    assert "generator" in said_of(found, "load")
    assert found.exit_code == 4


def test_model_that_nothing_here_can_run_blocks(copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    path = copy.root / "gitops/tenants/scoring.yaml"
    text = path.read_text(encoding="utf-8")
    assert "p99_ms: 5000\n" in text
    path.write_text(text.replace("p99_ms: 5000\n", "p99_ms: 6000\n"), encoding="utf-8")
    found = judged(commit(copy, "Promise less of scoring/batch"), REGION, tmp_path / "kept", record_property)
    assert found.gate("load").said == "not-executed"
    assert "also_on_cpu" in said_of(found, "load")
    assert found.exit_code == 3
