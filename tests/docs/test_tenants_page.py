"""What docs/tenants.md says is refused is refused, in those words."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.root import ROOT

PAGE = " ".join((ROOT / "docs" / "tenants.md").read_text(encoding="utf-8").split())
FINDINGS = yaml.safe_load((ROOT / "tests/tidegate/facts/inventory/invalid/expected.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("cpu-artefact-of-stage", "so stages could not have their own"),
        ("spot-in-no-pool", "no CPU pool of live-1 is on spot"),
        ("hot-tier-on-spot", "cannot run on spot"),
    ],
)
def test_finding_that_the_page_speaks_of_says_the_same(rule: str, words: str) -> None:
    assert words in FINDINGS[rule]["finding"]


def test_every_rule_in_the_page_is_one() -> None:
    named = set(re.findall(r"\(`([a-z]+(?:-[a-z]+)+)`\)", PAGE))
    assert {"cpu-artefact-of-stage", "spot-in-no-pool"} <= named
    assert named <= FINDINGS.keys()


def test_page_says_which_of_both_exclude_each_other_by_their_keys() -> None:
    assert "A model has either such files or `artefact_by_stage`, not both." in PAGE
    assert "so stages could not have their own (`cpu-artefact-of-stage`)" in PAGE
    finding = FINDINGS["cpu-artefact-of-stage"]["finding"]
    assert "models.chat.also_on_cpu.artefact.uri" in finding
    assert "remove it, or artefact_by_stage" in finding
