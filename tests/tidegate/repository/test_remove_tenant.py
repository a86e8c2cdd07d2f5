"""A tenant moves to a tombstone whole or not at all."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, UsageError
from tidegate.facts import inventory
from tidegate.repository.remove_tenant import remove_tenant

TODAY = date(2026, 11, 21)
WHO, WHY = "maria@example.com", "Merged into fraud: one model less."


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return Checkout(tmp_path)


def files(checkout: Checkout) -> dict[str, bytes]:
    """With the folders, as nothing may be left of those either."""
    gitops = checkout.root / "gitops"
    return {path.relative_to(gitops).as_posix(): path.read_bytes() if path.is_file() else b"" for path in gitops.rglob("*")}


def test_tenant_moves_to_a_tombstone_that_the_inventory_takes(checkout: Checkout) -> None:
    before = files(checkout)
    done = remove_tenant(checkout, "scoring", WHO, WHY, TODAY)
    assert (done.deleted, done.written) == ("gitops/tenants/scoring.yaml", "gitops/tombstones/scoring.yaml")
    assert files(checkout).keys() == {*before, "tombstones", "tombstones/scoring.yaml"} - {"tenants/scoring.yaml"}
    platform = inventory.load(checkout.root)
    tombstone = platform.tombstones["scoring"]
    assert "scoring" not in platform.tenants
    assert (tombstone.clusters, tombstone.requested_by, tombstone.reason) == (("live-1", "live-2"), WHO, WHY)
    assert (tombstone.removed_on, tombstone.namespace_name) == (TODAY, "tenant-scoring")
    text = files(checkout)["tombstones/scoring.yaml"].decode()
    assert text.startswith("# yaml-language-server: $schema=../../tidegate/facts/schemas/tombstone.schema.json\n")


def test_namespace_that_the_tenant_chose_goes_with_it(checkout: Checkout) -> None:
    path = checkout.root / "gitops" / "tenants" / "scoring.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("tier: batch", "tier: batch\nnamespace: night-shift", 1), encoding="utf-8")
    remove_tenant(checkout, "scoring", WHO, WHY, TODAY)
    assert inventory.load(checkout.root).tombstones["scoring"].namespace_name == "night-shift"


def test_second_tombstone_stands_beside_the_first(checkout: Checkout) -> None:
    remove_tenant(checkout, "scoring", WHO, WHY, TODAY)
    remove_tenant(checkout, "merchants", WHO, WHY, TODAY)
    assert set(inventory.load(checkout.root).tombstones) == {"merchants", "scoring"}


@pytest.mark.parametrize(
    "reason", ["für Ærger 🙂", 'say "no"', "back\\slash", "# no comment", "yes", "2026-11-21", "{a: b}", "- x", "$(id)"]
)
def test_reason_arrives_as_it_was_typed(checkout: Checkout, reason: str) -> None:
    remove_tenant(checkout, "scoring", WHO, reason, TODAY)
    assert inventory.load(checkout.root).tombstones["scoring"].reason == reason


@pytest.mark.parametrize(
    ("who", "why", "finding"),
    [
        ("maria", WHY, "requested_by = maria"),
        ("", WHY, "requested_by"),
        (f"{WHO}\nname: credit", WHY, "requested_by"),
        (WHO, "", "reason: is not of the expected form"),
        (WHO, " ", "reason"),
        (WHO, "one\ntwo", "reason"),
        (WHO, "x" * 301, "reason"),
        (WHO, "right \u202e left", "invisible-character"),
        (WHO, "bell \a", "invisible-character"),
        (WHO, "broken \udc80", "file-not-utf8"),
    ],
    ids=[
        "no-address", "no-requester", "second-line-in-address", "no-reason", "blank", "two-lines", "too-long", "right-to-left", "control",
        "not-utf-8",
    ],
)  # fmt: skip
def test_bad_answer_changes_nothing(checkout: Checkout, who: str, why: str, finding: str) -> None:
    before = files(checkout)
    with pytest.raises(InventoryError) as refused:
        remove_tenant(checkout, "scoring", who, why, TODAY)
    (said,) = map(str, refused.value.findings)
    assert said.startswith("gitops/tombstones/scoring.yaml: ")
    assert finding in said
    assert files(checkout) == before


@pytest.mark.parametrize("name", ["nobody", "../tenants/scoring", "", "Scoring", "scoring.yaml"])
def test_tenant_that_is_not_there_is_refused_with_those_that_are(checkout: Checkout, name: str) -> None:
    before = files(checkout)
    with pytest.raises(UsageError, match=r"no tenant .*; there are assistant, credit, fraud, merchants, scoring"):
        remove_tenant(checkout, name, WHO, WHY, TODAY)
    assert files(checkout) == before


def test_tenant_that_somebody_counts_on_as_a_caller_stays(checkout: Checkout) -> None:
    before = files(checkout)
    with pytest.raises(InventoryError) as refused:
        remove_tenant(checkout, "fraud", WHO, WHY, TODAY)
    lines = [str(finding) for finding in refused.value.findings]
    assert lines
    assert all("no such tenant; remove it or add the tenant" in line for line in lines)
    assert files(checkout) == before


def test_inventory_that_is_refused_already_is_left_alone(checkout: Checkout) -> None:
    (checkout.root / "gitops" / "tenants" / "fraud.yaml").write_text("name: [", encoding="utf-8")
    before = files(checkout)
    with pytest.raises(InventoryError):
        remove_tenant(checkout, "scoring", WHO, WHY, TODAY)
    assert files(checkout) == before


def test_file_that_cannot_be_deleted_leaves_no_tombstone(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    before, unlink = files(checkout), Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == checkout.root / "gitops" / "tenants" / "scoring.yaml":
            raise PermissionError(path)
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(PermissionError):
            remove_tenant(checkout, "scoring", WHO, WHY, TODAY)
    assert files(checkout) == before
