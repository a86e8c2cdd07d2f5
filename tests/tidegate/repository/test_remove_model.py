"""A model moves from its tenant's file to a tombstone, or nothing is changed."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.repository.test_remove_tenant import TODAY, WHO, WHY, checkout, files
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, UsageError
from tidegate.facts import inventory
from tidegate.repository import tombstone_files
from tidegate.repository.remove_model import remove_model, without_model
from tidegate.repository.remove_tenant import remove_tenant

__all__ = ["checkout"]

FILE = "gitops/tenants/scoring.yaml"
TOMBSTONE = "gitops/tombstones/scoring.yaml"


def test_model_moves_to_a_tombstone_that_the_inventory_takes(checkout: Checkout) -> None:
    before = inventory.load(checkout.root).tenants["scoring"]
    text = (checkout.root / FILE).read_text(encoding="utf-8")
    done = remove_model(checkout, "scoring/batch", WHO, WHY, TODAY)
    assert (done.changed, done.written) == (FILE, TOMBSTONE)
    platform = inventory.load(checkout.root)
    assert platform.tenants["scoring"] == before.model_copy(update={"models": {"fraud-shadow": before.models["fraud-shadow"]}})
    tombstone = platform.tombstones["scoring"]
    assert (tombstone.models, tombstone.clusters) == (("batch",), ("live-1", "live-2"))
    assert (tombstone.requested_by, tombstone.reason, tombstone.removed_on) == (WHO, WHY, TODAY)
    left = (checkout.root / FILE).read_text(encoding="utf-8")
    assert left == text.replace(text[text.index("  batch:") : text.index("  fraud-shadow:")], "")
    assert platform.tombstones_of("live-1") == [], "the tenant itself stays"
    assert platform.removed_models("scoring", "live-2") == ("batch",)


def test_second_model_joins_the_first_in_the_tombstone(checkout: Checkout) -> None:
    path = checkout.root / FILE
    text = path.read_text(encoding="utf-8")
    block = text[text.index("  fraud-shadow:") :]
    path.write_text(text + re.sub("sha256: [0-9a-f]{8}", "sha256: 01234567", block.replace("fraud-shadow", "third")), encoding="utf-8")
    remove_model(checkout, "scoring/batch", WHO, "First.", TODAY)
    remove_model(checkout, "scoring/third", WHO, "Second.", date(2026, 11, 22))
    tombstone = inventory.load(checkout.root).tombstones["scoring"]
    assert (tombstone.models, tombstone.reason, tombstone.removed_on) == (("batch", "third"), "Second.", date(2026, 11, 22))


def test_tenant_that_goes_whole_takes_the_place_of_its_models(checkout: Checkout) -> None:
    remove_model(checkout, "scoring/batch", WHO, WHY, TODAY)
    remove_tenant(checkout, "scoring", WHO, WHY, TODAY)
    assert inventory.load(checkout.root).tombstones["scoring"].models == ()


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        (("nobody/batch", WHO, WHY), UsageError, "no tenant 'nobody'; there are assistant, credit, fraud, merchants, scoring"),
        (("scoring/other", WHO, WHY), UsageError, "no model 'other' of scoring; there are batch, fraud-shadow"),
        (("scoring", WHO, WHY), UsageError, "no model '' of scoring; there are batch, fraud-shadow"),
        (("fraud/scorer", WHO, WHY), UsageError, "fraud/scorer is the only model of fraud; `tidegate tenant remove fraud` removes both"),
        (("scoring/batch", "maria", WHY), InventoryError, "gitops/tombstones/scoring.yaml: requested_by = maria"),
        (("scoring/batch", WHO, ""), InventoryError, "gitops/tombstones/scoring.yaml: reason: is not of the expected form"),
    ],
    ids=["tenant", "model", "no-model", "last", "who", "why"],
)
def test_bad_removal_is_refused_and_nothing_is_changed(
    checkout: Checkout, asked: tuple[str, str, str], error: type[Exception], message: str
) -> None:
    before = files(checkout)
    with pytest.raises(error) as refused:
        remove_model(checkout, *asked, TODAY)
    assert message in str(refused.value)
    assert files(checkout) == before


def test_tombstone_of_a_cluster_that_the_tenant_left_is_not_written_over(checkout: Checkout) -> None:
    path = checkout.root / FILE
    path.write_text(path.read_text(encoding="utf-8").replace("[live-1, live-2]", "[live-1]"), encoding="utf-8")
    tenant = inventory.load(checkout.root).tenants["scoring"]
    (checkout.root / "gitops" / "tombstones").mkdir()
    (checkout.root / TOMBSTONE).write_bytes(tombstone_files.tombstone_text(tenant, WHO, WHY, TODAY, clusters=["live-2"]))
    with pytest.raises(UsageError, match="removes scoring from live-2; delete it once nothing of scoring runs there"):
        remove_model(checkout, "scoring/batch", WHO, WHY, TODAY)
    remove_tenant(checkout, "scoring", WHO, WHY, TODAY)
    assert inventory.load(checkout.root).tombstones["scoring"].clusters == ("live-1", "live-2")


def test_file_of_another_form_is_left_to_its_owner(checkout: Checkout) -> None:
    path = checkout.root / FILE
    lines = path.read_text(encoding="utf-8").splitlines()
    at = lines.index("  batch:")
    lines[at] = '  "batch"   :'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = files(checkout)
    with pytest.raises(UsageError, match="write the models below each other, each as a block of lines"):
        remove_model(checkout, "scoring/batch", WHO, WHY, TODAY)
    assert files(checkout) == before


def test_comments_go_with_the_model_that_they_stand_above() -> None:
    text = "name: a\nmodels:\n  # first\n  one:\n    x: 1\n\n    # inside\n    y: 2\n  # second\n  two:\n    x: 1\nother: 1\n"
    assert without_model(text, "one") == "name: a\nmodels:\n  # second\n  two:\n    x: 1\nother: 1\n"
    assert without_model(text, "two") == text.replace("  # second\n  two:\n    x: 1\n", "")
    assert without_model(text, "three") == text


def test_half_written_pair_is_taken_back(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(checkout)
    replaced: list[Path] = []

    def fail_the_second(path: Path, target: Path) -> None:
        if replaced:
            raise OSError("disk is full")
        replaced.append(target)
        shutil.move(path, target)

    monkeypatch.setattr(Path, "replace", fail_the_second)
    with pytest.raises(OSError, match="disk is full"):
        remove_model(checkout, "scoring/batch", WHO, WHY, TODAY)
    assert replaced
    assert files(checkout) == before


def test_every_model_of_the_committed_tenants_can_be_taken_out() -> None:
    for name, tenant in inventory.load(ROOT).tenants.items():
        text = (ROOT / f"gitops/tenants/{name}.yaml").read_text(encoding="utf-8")
        for model in tenant.models:
            assert f"  {model}:" in text
            assert f"\n  {model}:" not in without_model(text, model)
