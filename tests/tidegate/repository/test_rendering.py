"""`tidegate validate` names each rendered file that is not what the facts render to, and the command that mends it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from clusters import program
from tests.scratch_checkout import make_scratch_checkout
from tests.tidegate.signing.listed_images import CATALOGUE, commit
from tests.tidegate.signing.signed_models import MemoryKey
from tidegate.checkout import Checkout
from tidegate.contracts.rendering import RenderCheck
from tidegate.errors import ManifestError, ProgramError
from tidegate.facts import inventory
from tidegate.repository import rendering
from tidegate.repository.remove_tenant import remove_tenant
from tidegate.signing.images import sign_images

AGAIN = "run `tidegate render` and commit the file [rendered-stale]"
BUDGET = '    tidegate.dev/budget-usd-per-month: "22000"'


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_scratch_checkout(tmp_path)


def told(checkout: Checkout) -> list[str]:
    return [str(finding) for finding in program.check(checkout.root).findings]


def test_committed_tree_has_no_finding(checkout: Checkout) -> None:
    assert told(checkout) == []


def test_validation_names_each_file_and_the_command(checkout: Checkout) -> None:
    live_1, live_2 = checkout.rendered / "live-1", checkout.rendered / "live-2"
    edited = live_1 / "tenants/fraud/resourcequota-quota.yaml"
    edited.write_text(edited.read_text().replace('pods: "60"', 'pods: "600"'))
    (live_2 / "tenants/fraud/resourcequota-quota.yaml").unlink()
    (live_1 / "tenants/fraud/copy.txt").write_text("x")
    (live_1 / "note.txt").write_text("x")
    (checkout.root / "gitops/bootstrap/live-1/application-root.yaml").unlink()
    tenant = checkout.root / "gitops/tenants/credit.yaml"
    tenant.write_text(tenant.read_text().replace("budget_usd_per_month: ", "budget_usd_per_month: 1"))
    with pytest.raises(ManifestError) as refused:
        rendering.validate(checkout, inventory.load(checkout.root), print)
    assert [str(finding) for finding in refused.value.findings] == [
        f"gitops/bootstrap/live-1/application-root.yaml: is missing; {AGAIN}",
        "gitops/rendered/live-1/note.txt: is rendered from no fact; move it away [rendered-stale]",
        f"gitops/rendered/live-1/tenants/credit/namespace-tenant-credit.yaml: line 20 = {BUDGET}: is not what the facts render to; {AGAIN}",
        "gitops/rendered/live-1/tenants/fraud/copy.txt: is rendered from no fact; run `tidegate render`, which removes it [rendered-stale]",
        f'gitops/rendered/live-1/tenants/fraud/resourcequota-quota.yaml: line 16 =     pods: "600": is not what the facts render to; {AGAIN}',
        f"gitops/rendered/live-2/tenants/credit/namespace-tenant-credit.yaml: line 20 = {BUDGET}: is not what the facts render to; {AGAIN}",
        f"gitops/rendered/live-2/tenants/fraud/resourcequota-quota.yaml: is missing; {AGAIN}",
    ]


def test_list_of_images_that_nobody_trusted_has_signed_is_a_finding(checkout: Checkout) -> None:
    commit(checkout.root)
    platform = inventory.load(checkout.root)
    assert rendering.judged(checkout, platform, print) == []
    commit(checkout.root, sign_images(CATALOGUE, MemoryKey.made("another")))
    (finding,) = rendering.judged(checkout, platform, print)
    assert (finding.rule, finding.source) == ("image-list-signature", "gitops/catalogue/images/list.json")


def test_tenant_that_vanished_is_told_instead_of_its_files(checkout: Checkout) -> None:
    remove_tenant(checkout, "scoring", "maria@example.com", "The product was sold.", date(2026, 11, 29))
    (checkout.root / "gitops/tombstones/scoring.yaml").unlink()
    lines = told(checkout)
    assert [line for line in lines if "tenants/scoring" in line] == [
        (
            "gitops/tenants/scoring.yaml: it would vanish from live-1, live-2, where nothing would then delete what it runs; put the file back "
            "and run `tidegate tenant remove scoring`, or write gitops/tombstones/scoring.yaml [tenant-removed-without-tombstone]"
        )
    ]
    assert any(line.startswith("gitops/rendered/live-1/platform/") for line in lines), "other files that name the tenant are stale"


def test_what_cannot_be_rendered_is_a_finding_too(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout.root / "gitops/tenants/fraud.yaml").write_text("name: fraud\n")
    assert program.main(["check", "--root", str(checkout.root)]) == 0
    said = RenderCheck.model_validate_json(capsys.readouterr().out).findings
    assert "gitops/tenants/fraud.yaml: tier: required and absent; add it [field-missing]" in map(str, said)


def test_link_in_place_of_a_file_is_told_and_mended(checkout: Checkout) -> None:
    place = checkout.rendered / "live-1/tenants/fraud/resourcequota-quota.yaml"
    elsewhere = checkout.root / "quota.yaml"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    assert told(checkout) == [
        f"gitops/rendered/live-1/tenants/fraud/resourcequota-quota.yaml: is a link, and what is rendered is a file; {AGAIN}"
    ]
    rendering.render(checkout, inventory.load(checkout.root))
    assert (told(checkout), place.is_symlink()) == ([], False)


def test_empty_folder_is_left_to_its_own_finding(tmp_path: Path) -> None:
    checkout = make_scratch_checkout(tmp_path)
    for path in checkout.rendered.rglob("*.yaml"):
        path.unlink()
    assert told(checkout) == []


def test_what_the_program_refuses_is_said_in_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.write_text("#!/bin/sh\necho 'a.yaml: x: is wrong; change it [rule]' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(ProgramError) as refused:
        rendering.unrendered_findings(Checkout(tmp_path))  # pyright: ignore[reportPrivateUsage] - all of validate would need the whole checkout
    assert str(refused.value) == "a.yaml: x: is wrong; change it [rule]"
