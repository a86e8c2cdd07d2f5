"""What is noted of candidates: it survives, a removed one leaves its tombstone, and a damaged note is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.fleet.bring_up import open_local
from tidegate.embedded.fleet.candidates import Candidates, read_candidates, write_candidates
from tidegate.embedded.judging.candidates import wanted_version
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.tombstone import Tombstone
from tidegate.gates.candidate import candidate_of

PLATFORM = inventory.load(ROOT)
CANDIDATES = [
    candidate_of(PLATFORM.tenants[tenant], model, "a" * 64, cluster="live-1")
    for tenant, model in (("fraud", "scorer"), ("merchants", "anomaly"))
]
STONE = Tombstone(
    name="fraud-gate", clusters=("live-1",), requested_by="maria@example.com", reason="Its gates have ended.", removed_on=date(2026, 11, 30)
)  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_without_a_note_there_are_none(checkout: Checkout) -> None:
    assert read_candidates(checkout) == Candidates()


def test_note_is_read_as_it_was_written(checkout: Checkout) -> None:
    written = Candidates()
    for candidate in CANDIDATES:
        written = written.living(candidate, {"merge-gate": "-----"})
    write_candidates(checkout, written)
    assert read_candidates(checkout) == written
    assert read_candidates(checkout).tenants["merchants-gate"] == CANDIDATES[1]


def test_removed_one_leaves_its_tombstone_until_the_next_one_comes() -> None:
    gone = Candidates().living(CANDIDATES[0], {}).removed(STONE)
    assert (gone.tenants, gone.tombstones) == ({}, {"fraud-gate": STONE})
    beside = gone.beside(PLATFORM)
    assert beside.tombstones["fraud-gate"] == STONE
    again = gone.living(CANDIDATES[0], {})
    assert (again.tombstones, again.tenants.keys()) == ({}, {"fraud-gate"})


@pytest.mark.parametrize(("content", "said"), [("{", "whole: Invalid JSON"), ('{"tenants": {"a": {}}}', "tenants.a.name: Field required")])
def test_damaged_note_is_refused(checkout: Checkout, content: str, said: str) -> None:
    write_candidates(checkout, Candidates())
    (path,) = checkout.embedded.glob("*.json")
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_candidates(checkout)
    assert f"{path}: {said}" in str(refused.value)
    assert "delete the file, and run `tidegate up`" in str(refused.value)


@pytest.mark.parametrize(
    ("reference", "version", "said"),
    [
        ("fraud/none", "2", "no served model 'fraud/none'; there are assistant/chat, credit/decision, "),
        ("none/scorer", "2", "no served model 'none/scorer'"),
        ("fraud/scorer", "newest", "'newest' is no version; write a number, or a number and a name such as 3-slow"),
        ("fraud/scorer", "\u00b2", "is no version"),
        ("fraud/scorer", "9" * 5000, "is no version"),
        ("fraud/scorer", "2-../../x", "is no version"),
        ("fraud/scorer", "0", "is no version"),
    ],
)
def test_version_that_cannot_be_is_refused(reference: str, version: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("'", ".")):
        wanted_version(open_local(Checkout(ROOT)), reference, version)


@pytest.mark.parametrize(
    ("reference", "version", "uri", "number"),
    [
        ("fraud/scorer", "2", "s3://tidegate-models/fraud/scorer/2", 2),
        ("fraud/scorer", "3-slow", "s3://tidegate-models/fraud/scorer/3-slow", 3),
        ("credit/decision", "2", "s3://tidegate-models/credit/decision/2-cpu", 2),
    ],
)
def test_version_is_the_one_that_the_region_loads(reference: str, version: str, uri: str, number: int) -> None:
    wanted = wanted_version(open_local(Checkout(ROOT)), reference, version)
    assert (wanted.artefact.uri, wanted.artefact.version) == (uri, number)
    assert wanted.artefact.signature.uri == f"{uri}/model.sig"
