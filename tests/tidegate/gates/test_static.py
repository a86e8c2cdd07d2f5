"""What a gate without a cluster makes of findings, and that looking at nothing proves nothing."""

from __future__ import annotations

import pytest

from tests.root import ROOT
from tidegate.errors import Finding
from tidegate.gates import static
from tidegate.gates.names import STATIC
from tidegate.gates.static import Looked, StaticSamples, gate_of, judge, kept
from tidegate.gates.verdict import Outcome

LOOKED = (Looked(subject="live-1", things=3, what="objects"),)
FINDING = Finding("gitops/tenants/fraud.yaml", "quota.cpu", "quota-below-floors", "the floors need 65", "raise it to 65", "64")


@pytest.mark.parametrize("gate", STATIC)
def test_nothing_found_in_what_was_looked_at_passes(gate: str) -> None:
    verdict = judge(StaticSamples(gate=gate, looked=LOOKED))
    assert verdict.lines() == [f"{gate}: pass", "  pass: live-1: objects: 3, and nothing was found"]


def test_finding_fails_with_file_key_value_and_remedy() -> None:
    verdict = judge(
        StaticSamples(gate="quota", looked=LOOKED, found=kept([FINDING, FINDING], "quota"), unknown=("the rest",), notes=("a note",))
    )
    assert verdict.lines() == [
        "quota: fail",
        "  fail: gitops/tenants/fraud.yaml: quota.cpu = 64: the floors need 65; raise it to 65 [quota-below-floors]",
        "  inconclusive: quota: the rest", "  a note",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (StaticSamples(gate="fit"), "nothing was judged"),
        (StaticSamples(gate="fit", looked=(Looked(subject="fraud", things=0, what="pods"),)), "there are no pods, so nothing was judged"),
        (StaticSamples(gate="fit", looked=LOOKED, unknown=("the pools cannot be read",)), "the pools cannot be read"),
    ],
    ids=["nothing", "empty", "unknown"],
)
def test_what_was_not_looked_at_is_inconclusive(samples: StaticSamples, words: str) -> None:
    assert judge(samples).outcome is Outcome.INCONCLUSIVE
    assert words in judge(samples).lines()[1]


def test_unknown_gate_is_invalid() -> None:
    verdict = judge(StaticSamples(gate="load", looked=LOOKED))
    assert verdict.outcome is Outcome.INVALID
    assert "no gate of this name; one of policy, " in verdict.lines()[1]


def test_each_rule_belongs_to_one_gate_and_exists() -> None:
    assert [gate_of(rule) for rule in ("quota-below-floors", "forbid-open-allow", "yaml-syntax")] == ["quota", "isolation", "policy"]
    assert kept([FINDING], "policy") == ()
    listed = [rule for rules in static.RULES_OF.values() for rule in rules]
    assert len(set(listed)) == len(listed)
    folders = ("tidegate/facts", "tidegate/manifests", "tidegate/signing", "tidegate/repository")
    sources = "".join(path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py"))
    made = ("callers-twice", "cors-origins-twice", "catalogue-model-twice", "catalogue-uri-twice")  # put together where they are raised
    assert [rule for rule in listed if f'"{rule}"' not in sources and rule not in made] == []
