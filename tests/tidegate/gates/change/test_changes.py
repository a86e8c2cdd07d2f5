"""Every class of change is found, and picks the gates that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.inventory.profiles import load_profiles
from tidegate.facts.models.scaling import Scaling
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.gates.change.difference import Change, Side, find_changes
from tidegate.gates.change.files import ChangedFile, place_of
from tidegate.gates.change.kinds import GATES, OF_MODEL, OF_TENANT, Kind
from tidegate.gates.change.picking import judged_models, pick
from tidegate.gates.names import ORDER, STATIC

BEFORE = inventory.load(ROOT)
PROFILES = load_profiles(ROOT, BEFORE)
FRAUD = BEFORE.tenants["fraud"]
SCORER = FRAUD.models["scorer"]
FILE = ChangedFile("gitops/tenants/fraud.yaml", "gitops/tenants/fraud.yaml")
PROFILES_FILE = ChangedFile("clusters/embedded/profiles.yaml", "clusters/embedded/profiles.yaml")
ROOM = ("quota", "surge", "fit", "budget")


def changed(path: str) -> ChangedFile:
    return ChangedFile(path, path)


def tenant(**fields: Any) -> Platform:
    return replace(BEFORE, tenants={**BEFORE.tenants, "fraud": FRAUD.model_copy(update=fields)})


def model(**fields: Any) -> Platform:
    return tenant(models={"scorer": SCORER.model_copy(update=fields)})


def without(name: str) -> Platform:
    return replace(BEFORE, tenants={key: value for key, value in BEFORE.tenants.items() if key != name})


def changes_of(before: Platform | None, after: Platform | None, files: Sequence[ChangedFile]) -> tuple[Change, ...]:
    return find_changes(Side(before, PROFILES) if before else None, Side(after, PROFILES) if after else None, files)


def gates_of(after: Platform | None, *files: ChangedFile, before: Platform | None = BEFORE) -> tuple[str, ...]:
    return tuple(one.title for one in pick(changes_of(before, after, files), after))


def static(*gates: str) -> tuple[str, ...]:
    return tuple(gate for gate in STATIC if gate in gates)


def asked(*gates: str, subject: str = "fraud/scorer") -> tuple[str, ...]:
    return tuple(f"{gate} {subject}" for gate in gates)


ALL = (*STATIC, *asked("golden-set", "load", "scale"))
VERSION_2 = SCORER.artefact.model_copy(update={"version": 2, "uri": "s3://tidegate-models/fraud/scorer/2", "sha256": "0" * 64})

CASES: Mapping[str, tuple[Platform, ChangedFile, tuple[str, ...]]] = {
    "new version": (model(artefact=VERSION_2), FILE, ALL),
    "other server": (model(runtime="mlserver-xgboost"), FILE, ALL),
    "other resources": (model(resources=SCORER.resources.model_copy(update={"cpu": 3})), FILE, ALL),
    "floors": (model(scaling=SCORER.scaling.model_copy(update={"min_replicas": 5})), FILE, (*static("policy", *ROOM), *asked("load", "scale"))),
    "objective": (model(slo=SCORER.slo.model_copy(update={"p99_ms": 9})), FILE, ("policy", *asked("load", "scale"))),
    "golden set": (model(golden_set=SCORER.golden_set.model_copy(update={"threshold": 0.94})), FILE, ("policy", *asked("golden-set"))),
    "fixed replicas": (
        model(scaling=SCORER.scaling.model_copy(update={"min_replicas": 24})), FILE, (*static("policy", *ROOM), *asked("load")),
    ),
    "scaled on CPU": (
        model(scaling=Scaling(mode="standard", min_replicas=6, max_replicas=24)), FILE, (*static("policy", *ROOM), *asked("load")),
    ),
    "rollout": (model(rollout=SCORER.rollout.model_copy(update={"step_seconds": 301})), FILE, ("policy",)),
    "quota": (tenant(quota=FRAUD.quota.model_copy(update={"cpu": 65.0})), FILE, ("policy", "quota", "surge")),
    "budget": (tenant(budget_usd_per_month=2001.0), FILE, ("policy", "budget")),
    "callers": (tenant(callers=(*FRAUD.callers, *BEFORE.tenants["credit"].callers)), FILE, ("policy", "isolation")),
    "rate": (tenant(requests_per_second=601), FILE, ("policy", "isolation", *asked("load"))),
    "owners": (tenant(owners=("other@example.com",)), FILE, ("policy",)),
    "comment": (BEFORE, FILE, ("policy",)),
    "placement": (tenant(clusters=("live-1",)), FILE, static("policy", "isolation", *ROOM, "signature")),
    "tenant gone": (without("fraud"), ChangedFile("gitops/tenants/fraud.yaml", ""), ("policy", "isolation", "quota", "budget")),
    "tombstone": (BEFORE, ChangedFile("", "gitops/tombstones/fraud.yaml"), ("policy", "isolation", "quota", "budget")),
    "catalogue": (BEFORE, changed("gitops/catalogue/fraud.json"), ("policy", "signature")),
    "prices": (BEFORE, changed("clusters/prices/us-east-1.yaml"), ("policy", "budget")),
    "model by hand": (
        BEFORE, changed("gitops/rendered/live-1/tenants/fraud/inferenceservice-scorer.yaml"), (*STATIC, *asked("golden-set", "load")),
    ),
    "platform's team": (BEFORE, changed("clusters/inventory/platform.yaml"), ("policy",)),
    "comment of a cluster": (BEFORE, changed("clusters/inventory/live-1/cluster.yaml"), ("policy",)),
    "page": (BEFORE, changed("docs/load-gate.md"), ()),
    "page moved": (BEFORE, ChangedFile("docs/old.md", "docs/new.md"), ()),
    "readme": (BEFORE, changed("README.md"), ()),
    "test": (BEFORE, changed("tests/tidegate/gates/test_bounds.py"), ()),
    "ci": (BEFORE, changed(".github/workflows/gates.yaml"), ()),
}  # fmt: skip


@pytest.mark.parametrize(("after", "file", "gates"), CASES.values(), ids=CASES)
def test_change_picks_its_gates(after: Platform, file: ChangedFile, gates: tuple[str, ...]) -> None:
    assert gates_of(after, file) == gates


@pytest.mark.parametrize(
    "path",
    ["tidegate/gates/bounds.py", "clusters/components/serving/inference_service.py", "pyproject.toml", "locks/test.txt", "docs", "x.yaml",
     "clusters/embedded/README.md"],
)  # fmt: skip
def test_file_of_the_platform_changes_every_model(path: str) -> None:
    models = [f"{name}/{one}" for name, each in sorted(BEFORE.tenants.items()) for one in sorted(each.models)]
    assert len(models) == 6
    expected = (*STATIC, *(f"{gate} {one}" for gate in ("golden-set", "load", "scale") for one in models))
    assert gates_of(BEFORE, changed(path)) == expected


def test_page_beside_a_change_takes_nothing_away() -> None:
    assert gates_of(model(artefact=VERSION_2), changed("docs/tenants.md"), FILE) == ALL


def test_file_that_left_the_documents_counts_where_it_went() -> None:
    assert gates_of(BEFORE, ChangedFile("docs/x.yaml", "gitops/tenants/fraud.yaml")) == ("policy",)


def test_new_tenant_needs_every_gate_for_each_of_its_models() -> None:
    found = gates_of(BEFORE, ChangedFile("", "gitops/tenants/scoring.yaml"), before=without("scoring"))
    assert found == (*STATIC, *(f"{gate} scoring/{name}" for gate in ("golden-set", "load", "scale") for name in ("batch", "fraud-shadow")))


def test_model_that_goes_is_asked_nothing() -> None:
    scoring = BEFORE.tenants["scoring"]
    left = scoring.model_copy(update={"models": {"batch": scoring.models["batch"]}})
    after = replace(BEFORE, tenants={**BEFORE.tenants, "scoring": left})
    changes = changes_of(BEFORE, after, [changed("gitops/tenants/scoring.yaml")])
    assert [str(one) for one in changes] == ["scoring/fraud-shadow: removed: no longer in the tenant's file"]
    assert judged_models(changes, after) == ()
    assert gates_of(after, changed("gitops/tenants/scoring.yaml")) == ("policy", "isolation", "quota", "budget")


def test_renamed_tenant_is_one_that_goes_and_one_that_comes() -> None:
    after = replace(without("fraud"), tenants={**without("fraud").tenants, "cards": FRAUD.model_copy(update={"name": "cards"})})
    changes = changes_of(BEFORE, after, [ChangedFile("gitops/tenants/fraud.yaml", "gitops/tenants/cards.yaml")])
    assert [str(one) for one in changes] == ["cards: added: a new tenant", "fraud: removed: its file is gone, without a tombstone"]


def test_cluster_changes_those_who_live_there() -> None:
    one = BEFORE.clusters["live-1"]
    after = replace(BEFORE, clusters={**BEFORE.clusters, "live-1": one.model_copy(update={"kubernetes_version": "1.99"})})
    changes = changes_of(BEFORE, after, [changed("clusters/inventory/live-1/cluster.yaml")])
    assert {one.tenant for one in changes} == set(BEFORE.tenants)
    assert changes[0].what == f"cluster live-1.kubernetes_version: {one.kubernetes_version} -> 1.99"
    assert gates_of(after, changed("clusters/inventory/live-1/cluster.yaml")) == static("policy", "isolation", *ROOM)


def test_embedded_profile_of_a_model_needs_load_of_that_model() -> None:
    shorter = PROFILES["fraud/scorer"].duration_seconds.model_copy(update={"value": 20})
    after = {**PROFILES, "fraud/scorer": PROFILES["fraud/scorer"].model_copy(update={"duration_seconds": shorter})}
    changes = find_changes(Side(BEFORE, PROFILES), Side(BEFORE, after), [PROFILES_FILE])
    assert [str(one) for one in changes] == ["fraud/scorer: embedded profile: embedded profile.duration_seconds.value: 30 -> 20"]
    assert [one.title for one in pick(changes, BEFORE)] == ["policy", "load fraud/scorer", "scale fraud/scorer"]


def test_embedded_profile_that_goes_needs_load_and_one_of_a_model_that_goes_does_not() -> None:
    after = {name: one for name, one in PROFILES.items() if name != "scoring/fraud-shadow"}
    files = [PROFILES_FILE, changed("gitops/tenants/scoring.yaml")]
    (left,) = find_changes(Side(BEFORE, PROFILES), Side(BEFORE, after), files[:1])
    assert str(left) == "scoring/fraud-shadow: embedded profile: its embedded profile is gone"
    gone = find_changes(Side(BEFORE, PROFILES), Side(without("scoring"), after), files)
    assert [str(one) for one in gone] == [
        "scoring: removed: its file is gone, without a tombstone",
        "everything: prose: clusters/embedded/profiles.yaml: comments or the order of keys only, or a profile of a model that goes",
    ]


def test_embedded_profiles_that_cannot_be_read_are_said_to_be_that() -> None:
    (change,) = find_changes(Side(BEFORE, PROFILES), Side(BEFORE, None), [PROFILES_FILE])
    assert str(change) == "everything: embedded profile: the embedded profiles after the change cannot be read, so any may have changed"


def test_comment_of_the_embedded_profiles_needs_no_load() -> None:
    assert gates_of(BEFORE, PROFILES_FILE) == ("policy",)


@pytest.mark.parametrize(("before", "after", "which"), [(None, BEFORE, "before"), (BEFORE, None, "after")])
def test_facts_that_cannot_be_read_change_everything(before: Platform | None, after: Platform | None, which: str) -> None:
    (change,) = changes_of(before, after, [FILE])
    assert str(change) == f"everything: platform: the facts {which} the change cannot be read, so anything may have changed"


def test_reason_says_from_what_to_what() -> None:
    (found,) = changes_of(BEFORE, model(artefact=VERSION_2), [FILE])
    assert str(found) == "fraud/scorer: version: models.scorer.artefact.version: 1 -> 2"
    picked = pick([found], BEFORE)
    assert {one.because for one in picked} == {(str(found),)}


def test_new_cpu_files_are_another_version() -> None:
    chat = BEFORE.tenants["assistant"].models["chat"]
    assert chat.also_on_cpu
    assert chat.also_on_cpu.artefact
    other = chat.also_on_cpu.artefact.model_copy(update={"sha256": "0" * 64})
    left = chat.model_copy(update={"also_on_cpu": chat.also_on_cpu.model_copy(update={"artefact": other})})
    after = replace(
        BEFORE, tenants={**BEFORE.tenants, "assistant": BEFORE.tenants["assistant"].model_copy(update={"models": {"chat": left}})}
    )
    (change,) = changes_of(BEFORE, after, [changed("gitops/tenants/assistant.yaml")])
    assert change.kind is Kind.VERSION


def test_every_fact_and_every_kind_is_sorted() -> None:
    assert OF_TENANT.keys() == Tenant.model_fields.keys()
    assert OF_MODEL.keys() == ServedModel.model_fields.keys()
    assert GATES.keys() == set(Kind)
    assert {gate for gates in GATES.values() for gate in gates} == set(ORDER)


def test_committed_files_have_a_place() -> None:
    assert {place_of(path).kind for path in ("docs/x.md", "tests/a/b.py", "LICENSE", "Jenkinsfile")} == {Kind.PROSE}
    assert place_of("gitops/tenants/fraud.yaml").name == "fraud"
    assert Change(kind=Kind.PLATFORM, what="x").subject == "everything"
