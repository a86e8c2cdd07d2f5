"""The golden-set gate in a region: the version that serves passes against itself, in its real runtime, by what the command finds alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tests.root import ROOT
from tidegate import tools
from tidegate.embedded.judging.golden_set import Served, measure_in_region
from tidegate.errors import ToolError
from tidegate.gates.golden_set.judge import judge
from tidegate.gates.verdict import Outcome

pytestmark = pytest.mark.timeout(600)

COMMAND = [str(ROOT / ".venv/bin/tidegate"), "gate", "golden"]


@pytest.mark.usefixtures("platform")
def test_version_that_serves_passes_against_itself_and_again_from_its_samples(tmp_path: Path) -> None:
    kept = tmp_path / "samples.json"
    arguments = ["fraud/scorer", "--region", "live-1", "--baseline", "fraud/scorer", "--samples", str(kept), "--json"]
    verdict = json.loads(tools.run([*COMMAND, *arguments], cwd=ROOT).stdout)
    assert verdict["outcome"] == "pass", verdict
    assert {one["text"].partition(" in all ")[0] for one in verdict["reasons"][1:]} == {"the same answers as the version that serves"}
    assert json.loads(tools.run([*COMMAND, "--judge", str(kept), "--json"], cwd=ROOT).stdout) == verdict


@pytest.mark.parametrize("reference", ["credit/decision", "assistant/chat", "merchants/anomaly"])
def test_every_protocol_is_asked_whole(platform: Running, reference: str) -> None:
    """Transformer, OpenAI's protocol and a pool of many models."""
    tenant, _, name = reference.partition("/")
    served = Served(INVENTORY.tenants[tenant], name)
    samples = measure_in_region(platform.local, platform.models, REGIONS[0], served, served)
    assert not [one for one in samples.candidate.answers if one.value is None]
    verdict = judge(samples)
    assert verdict.outcome is Outcome.PASS, verdict.lines()


@pytest.mark.usefixtures("platform")
def test_inverted_answers_fail_when_they_are_judged(tmp_path: Path) -> None:
    """As version 3-wrong gives them: its scores are those of version 2 upside down."""
    kept = tmp_path / "samples.json"
    tools.run([*COMMAND, "fraud/scorer", "--region", "live-1", "--baseline", "fraud/scorer", "--samples", str(kept)], cwd=ROOT)
    document = json.loads(kept.read_text())
    for one in document["candidate"]["answers"]:
        one["value"] = 1 - one["value"]
    kept.write_text(json.dumps(document))
    with pytest.raises(ToolError) as failed:
        tools.run([*COMMAND, "--judge", str(kept)], cwd=ROOT)
    assert failed.value.exit_code == Outcome.FAIL.exit_code
