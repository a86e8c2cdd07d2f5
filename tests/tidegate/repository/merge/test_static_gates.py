"""Each static gate on real files: what it passes, and what it refuses with which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.repository.merge.judging import change_in, nothing, run, said
from tidegate import tools
from tidegate.errors import ProgramError, ToolError
from tidegate.gates.change.difference import Change
from tidegate.gates.change.kinds import Kind
from tidegate.gates.merge import outcome_of
from tidegate.gates.static import StaticSamples, judge
from tidegate.gates.verdict import Outcome
from tidegate.repository import rendering

FENCE = "gitops/rendered/live-1/tenants/fraud/networkpolicy-default-deny.yaml"
CALLERS = "gitops/rendered/live-1/tenants/fraud/authorizationpolicy-callers.yaml"
SCORER = "gitops/rendered/live-1/tenants/fraud/inferenceservice-scorer.yaml"


def spoil(root: Path, path: str, pattern: str, text: str) -> None:
    found, count = re.subn(pattern, text, (root / path).read_text(), count=1)
    assert count == 1
    (root / path).write_text(found)


@pytest.mark.usefixtures("no_rendering")
def test_committed_tree_passes_every_gate_and_is_judged_again_from_samples() -> None:
    results = run(change_in(ROOT))
    assert {gate: said(one) for gate, one in results.items() if one.verdict.outcome is not Outcome.PASS} == {}
    assert outcome_of(list(results.values())) is Outcome.PASS
    assert re.search(r"pass: live-1: objects against schemas and rules: \d{3}, and nothing was found", said(results["policy"]))
    assert "pass: trained: versions: bytes, signature, name and key agree: 1, and nothing was found" in said(results["signature"])
    assert "the change of cost is not known: 0000 is no revision; name another" in said(results["budget"])
    for one in results.values():
        assert judge(StaticSamples.model_validate_json(one.samples)) == one.verdict


@pytest.mark.usefixtures("no_rendering")
def test_spoiled_objects_fail_at_their_own_gate(tree: Path) -> None:
    (tree / FENCE).unlink()
    spoil(tree, CALLERS, r"namespaces:\n +- tenant-fraud", 'principals:\n              - "*"')
    spoil(tree, SCORER, "minReplicas: 6", "minReplicas: 24")
    spoil(tree, SCORER, r'cpu: "2"', 'cpu: "200"')
    spoil(tree, "gitops/rendered/live-1/tenants/fraud/service-scorer-health.yaml", "kind: Service", "kind: Serves")
    spoil(tree, "gitops/tenants/fraud.yaml", "budget_usd_per_month: 2000", "budget_usd_per_month: 1")
    results = run(change_in(tree))
    assert {gate: one.verdict.outcome.value for gate, one in results.items()} == {
        "policy": "fail", "isolation": "fail", "quota": "pass", "surge": "pass", "fit": "fail", "budget": "fail", "signature": "pass",
    }  # fmt: skip
    assert "service-scorer-health.yaml: kind = Serves: " in said(results["policy"])
    assert (
        "gitops/rendered/live-1/tenants/fraud: namespace tenant-fraud has no NetworkPolicy that refuses all traffic by default; "
        "run `tidegate render`, which writes it from gitops/tenants/fraud.yaml [require-tenant-fence]"
    ) in said(results["isolation"])
    assert "source.principals[0] = *: anybody's identity matches it; name whose identities they are [forbid-principal-wildcard]" in said(
        results["isolation"]
    )
    assert "no pool can host pod scorer-predictor: on cpu (" in said(results["fit"])
    assert re.search(
        r"gitops/tenants/fraud.yaml: budget_usd_per_month = 1: the floors alone keep .* alive, .*; raise it to \d+ or lower floors",
        said(results["budget"]),
    )


@pytest.mark.usefixtures("judged_nothing")
def test_release_that_no_pool_has_room_for_fails_at_surge(tree: Path) -> None:
    spoil(tree, SCORER, "minReplicas: 6", "minReplicas: 40")
    results = run(change_in(tree), picked=("surge", "fit"))
    assert {gate: one.verdict.outcome.value for gate, one in results.items()} == {"surge": "fail", "fit": "pass"}
    assert re.search(
        r"inferenceservice-scorer.yaml: spec.predictor.minReplicas = 40: while fraud/scorer is released, both versions beside all floors need "
        r"\d+ of cpu in pool cpu, which may bring 160; lower floors, or raise the limit of cpu in clusters/inventory/live-1/cluster.yaml",
        said(results["surge"]),
    )


@pytest.mark.usefixtures("judged_nothing")
@pytest.mark.parametrize(
    ("pattern", "text", "gate", "words"),
    [
        ("cpu: 64", "cpu: 12", "quota", "gitops/tenants/fraud.yaml: quota.cpu = 12: the floors of all models with their sidecars need 12.75; raise it to"),
        ("cpu: 64", "cpu: 50", "quota", "quota.cpu = 50: all models at max_replicas need 51; raise it to 51 or lower max_replicas [ceilings-above-quota]"),
        ("cpu: 64", "cpu: 20", "surge", "quota.cpu = 20: the floors need 12.75 and a release of scorer 12.75 more beside them; raise it to 25.5"),
        ("subject: card-authorisation", "tenant: nobody", "isolation", "callers[0].tenant = nobody: no such tenant; remove it or add the tenant"),
        ("models/fraud/scorer/1\n", "models/credit/decision/1\n", "isolation", "another tenant's folder; put it below s3://tidegate-models/fraud/"),
        ("memory_gib: 2\n", "memory_gib: 2\n    capacity: spot\n", "policy", "models.scorer.capacity"),
        ("tier: critical", "tier: crucial", "policy", "gitops/tenants/fraud.yaml: tier = crucial: "),
    ],
    ids=["floors", "ceilings", "release", "caller", "another's files", "tier rule", "unreadable"],
)  # fmt: skip
def test_refused_facts_fail_at_their_own_gate(facts: Path, pattern: str, text: str, gate: str, words: str) -> None:
    spoil(facts, "gitops/tenants/fraud.yaml", pattern, text)
    if "another" in words:
        spoil(facts, "gitops/tenants/fraud.yaml", "models/fraud/scorer/1/model.sig", "models/credit/decision/1/model.sig")
    results = run(change_in(facts), picked=(gate,))
    assert results[gate].verdict.outcome is Outcome.FAIL
    assert words in said(results[gate])


def test_facts_that_cannot_be_read_leave_the_others_undecided(facts: Path) -> None:
    spoil(facts, "gitops/tenants/fraud.yaml", "tier: critical", "tier: crucial")
    results = run(change_in(facts, Change(kind=Kind.PLATFORM, what="x")))
    assert {one.verdict.outcome.value for gate, one in results.items() if gate != "policy"} == {"inconclusive"}
    assert "some facts cannot be read, so neither objects nor the rest of the facts were judged" in said(results["fit"])


def test_tree_that_is_not_what_facts_render_to_fails(facts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_arguments: object, **_options: object) -> object:
        raise ProgramError(ToolError("clusters.program", 1, "gitops/rendered/live-1: a tenant would vanish; write its tombstone"))

    monkeypatch.setattr(rendering, "judged", nothing)
    monkeypatch.setattr(tools, "run_program", refusing)
    results = run(change_in(facts), picked=("policy",))
    assert "gitops/rendered: gitops/rendered/live-1: a tenant would vanish; write its tombstone; correct what it names" in said(
        results["policy"]
    )
