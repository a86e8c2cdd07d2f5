"""A tenant goes by a tombstone only; then everything of it is deleted, its models before its fences, and nothing else is touched."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters import cluster_tree, program
from clusters.components.tenancy.tenant import CONFIRM_DELETION
from clusters.delivery import applications
from tests.root import ROOT
from tidegate.errors import ManifestError
from tidegate.facts import inventory
from tidegate.facts.embedded import EmbeddedFacts
from tidegate.facts.platform import Platform
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.validate import validate_folder

CLUSTERS = ("live-1", "live-2")
GONE = "scoring"
TOMBSTONE = """\
name: scoring
clusters: [live-1, live-2]
requested_by: maria@example.com
reason: "Merged into fraud: one model less."
removed_on: "2026-11-21"
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The inventory with all tenants, and what it renders to."""
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    render(tmp_path)
    return tmp_path


def render(root: Path, embedded: EmbeddedFacts | None = None) -> program.RenderSummary:
    return program.render(root, root / "gitops" / "rendered", embedded)


def bury(root: Path, text: str = TOMBSTONE) -> None:
    (root / "gitops" / "tenants" / f"{GONE}.yaml").unlink()
    (root / "gitops" / "tombstones").mkdir()
    (root / "gitops" / "tombstones" / f"{GONE}.yaml").write_text(text, encoding="utf-8")


def refusal(root: Path) -> list[str]:
    """The findings of a rendering that changes nothing."""
    before = contents(root / "gitops")
    with pytest.raises(ManifestError) as refused:
        render(root)
    assert contents(root / "gitops") == before
    return [str(finding) for finding in refused.value.findings]


def read(root: Path, path: str) -> Any:
    return yaml.safe_load((root / "gitops" / path).read_text(encoding="utf-8"))


def test_tenant_whose_file_vanished_is_refused_and_nothing_changes(checkout: Path) -> None:
    (checkout / "gitops" / "tenants" / f"{GONE}.yaml").unlink()
    expected = (
        "gitops/tenants/scoring.yaml: it would vanish from live-1, live-2, where nothing would then delete what it runs; "
        "put the file back and run `tidegate tenant remove scoring`, or write gitops/tombstones/scoring.yaml "
        "[tenant-removed-without-tombstone]"
    )
    assert refusal(checkout) == [expected]


def test_refusal_is_what_a_caller_of_the_program_sees(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "gitops" / "tenants" / f"{GONE}.yaml").unlink()
    assert program.main(["render", "--root", str(checkout), "--out", str(checkout / "gitops" / "rendered")]) == 1
    assert "[tenant-removed-without-tombstone]" in capsys.readouterr().err


def test_tombstone_must_name_every_cluster_that_runs_the_tenant(checkout: Path) -> None:
    bury(checkout, TOMBSTONE.replace("[live-1, live-2]", "[live-2]"))
    expected = (
        "gitops/tombstones/scoring.yaml: clusters = live-2: it would vanish from live-1, where nothing would then delete what it runs; "
        "add live-1 [tenant-removed-without-tombstone]"
    )
    assert refusal(checkout) == [expected]


@pytest.mark.parametrize("text", ["nonsense: [", "[]", "metadata: 5", ""], ids=["no-yaml", "list", "odd-metadata", "empty"])
def test_application_that_cannot_be_read_has_removed_nobody(checkout: Path, text: str) -> None:
    (checkout / "gitops" / "tenants" / f"{GONE}.yaml").unlink()
    for cluster in CLUSTERS:
        place = checkout / "gitops" / "rendered" / cluster / "delivery" / f"application-tenant-{GONE}.yaml"
        place.write_text(text, encoding="utf-8")
    assert len(refusal(checkout)) == 1


def test_first_rendering_of_a_folder_misses_nobody(checkout: Path, tmp_path: Path) -> None:
    (checkout / "gitops" / "tenants" / f"{GONE}.yaml").unlink()
    assert program.render(checkout, tmp_path / "elsewhere").objects > 100


def test_tombstone_leaves_nothing_of_the_tenant_but_what_deletes_it(checkout: Path) -> None:
    bury(checkout)
    render(checkout)
    everything = contents(checkout / "gitops" / "rendered") | contents(checkout / "gitops" / "bootstrap")
    left = {path for path, content in everything.items() if GONE in path or GONE.encode() in content}
    kinds = ("application-guard-rails", "application-tenant", "appproject-tenant")
    expected = {f"{cluster}/delivery/{kind}-{GONE}.yaml" for cluster in CLUSTERS for kind in kinds}
    expected |= {f"{cluster}/tenants/{GONE}/removed.txt" for cluster in CLUSTERS}
    assert left == expected | {f"{cluster}/appproject-platform.yaml" for cluster in CLUSTERS}


def test_place_of_the_removed_objects_says_who_what_and_why(checkout: Path) -> None:
    bury(checkout)
    render(checkout)
    text = (checkout / "gitops" / "rendered" / "live-1" / "tenants" / GONE / "removed.txt").read_text(encoding="utf-8")
    assert text.startswith("# Rendered from gitops/tombstones/scoring.yaml by `tidegate render`; edit that, not this file.\n")
    assert "2026-11-21, as maria@example.com asked: Merged into fraud: one model less.\n" in text


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_both_applications_may_delete_everything_and_need_no_further_confirmation(checkout: Path, cluster: str) -> None:
    bury(checkout)
    render(checkout)
    for name, project in (("tenant-scoring", "tenant-scoring"), ("guard-rails-scoring", "platform")):
        application = read(checkout, f"rendered/{cluster}/delivery/application-{name}.yaml")
        spec = application["spec"]
        assert spec["project"] == project
        assert spec["source"]["path"] == f"gitops/rendered/{cluster}/tenants/{GONE}"
        assert spec["source"]["directory"] == {"exclude": "*"}
        assert spec["destination"]["namespace"] == "tenant-scoring"
        assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": True}
        # Argo CD compares it with when its sync began, which is after the tombstone was written.
        assert application["metadata"]["annotations"]["argocd.argoproj.io/deletion-approved"] == "9999-12-31T23:59:59Z"
        assert application["metadata"]["labels"]["tidegate.dev/tenant"] == GONE


def waves(root: Path, tenant: str) -> tuple[int, int]:
    """Of the tenant's models and of its guard rails."""
    models, guard_rails = (
        int(
            read(root, f"rendered/live-1/delivery/application-{kind}-{tenant}.yaml")["metadata"]["annotations"][
                "argocd.argoproj.io/sync-wave"
            ]
        )
        for kind in ("tenant", "guard-rails")
    )
    return models, guard_rails


def test_models_come_after_their_fences_and_go_before_them(checkout: Path) -> None:
    bury(checkout)
    render(checkout)
    assert waves(checkout, "fraud") == (10, 0)
    assert waves(checkout, GONE) == (0, 10)


def test_no_living_tenant_is_confirmed_for_deletion(checkout: Path) -> None:
    bury(checkout)
    render(checkout)
    for path, content in contents(checkout / "gitops" / "rendered").items():
        if GONE not in path:
            assert b"deletion-approved" not in content
            assert b"allowEmpty: true" not in content


def test_project_of_the_platform_still_reaches_the_namespace(checkout: Path) -> None:
    before = {cluster: read(checkout, f"bootstrap/{cluster}/appproject-platform.yaml")["spec"] for cluster in CLUSTERS}
    bury(checkout)
    render(checkout)
    for cluster in CLUSTERS:
        spec = read(checkout, f"bootstrap/{cluster}/appproject-platform.yaml")["spec"]
        for field in ("destinations", "destinationServiceAccounts"):
            assert sorted(spec[field], key=str) == sorted(before[cluster][field], key=str)
    project = read(checkout, "rendered/live-1/delivery/appproject-tenant-scoring.yaml")["spec"]
    # The tenant's own account may delete none of its models.
    assert project["destinationServiceAccounts"][0]["defaultServiceAccount"] == "argocd:argocd-application-controller"
    assert project["description"].endswith("at the request of maria@example.com: Merged into fraud: one model less.")


def test_namespace_of_its_own_name_goes(checkout: Path) -> None:
    bury(checkout, f"{TOMBSTONE}namespace: night-shift\n")
    render(checkout)
    assert read(checkout, "rendered/live-1/delivery/application-tenant-scoring.yaml")["spec"]["destination"]["namespace"] == "night-shift"
    namespaces = [one["namespace"] for one in read(checkout, "bootstrap/live-1/appproject-platform.yaml")["spec"]["destinations"]]
    assert "night-shift" in namespaces
    assert "tenant-scoring" not in namespaces


def test_deleting_the_tombstone_later_ends_the_story(checkout: Path) -> None:
    bury(checkout)
    render(checkout)
    (checkout / "gitops" / "tombstones" / f"{GONE}.yaml").unlink()
    render(checkout)
    everything = contents(checkout / "gitops" / "rendered") | contents(checkout / "gitops" / "bootstrap")
    assert not [path for path, content in everything.items() if GONE in path or GONE.encode() in content]


def test_tenant_that_comes_back_is_as_it_was(checkout: Path) -> None:
    before, file = contents(checkout / "gitops"), (checkout / "gitops" / "tenants" / f"{GONE}.yaml").read_bytes()
    bury(checkout)
    render(checkout)
    shutil.rmtree(checkout / "gitops" / "tombstones")
    (checkout / "gitops" / "tenants" / f"{GONE}.yaml").write_bytes(file)
    render(checkout)
    assert contents(checkout / "gitops") == before


def test_second_rendering_of_a_tombstone_writes_nothing_and_counts_objects_only(checkout: Path) -> None:
    bury(checkout)
    first, second = render(checkout), render(checkout)
    assert (second.files_written, second.files_removed) == (0, 0)
    assert second.files_unchanged == second.objects + len(CLUSTERS)
    assert first.objects == second.objects


def test_embedded_region_buries_too(checkout: Path) -> None:
    bury(checkout)
    facts = EmbeddedFacts(repository_url="git://git.example.com/payments/tidegate.git", edge_addresses={"live-1": "172.31.250.11"})
    program.render(checkout, checkout / "embedded" / "rendered", facts)
    assert (checkout / "embedded" / "rendered" / "live-1" / "tenants" / GONE / "removed.txt").is_file()


def test_what_a_tombstone_renders_fits_its_schemas_and_rules(checkout: Path, schemas: SchemaSet) -> None:
    bury(checkout)
    render(checkout)
    for tree in ("rendered", "bootstrap"):
        assert [str(finding) for finding in validate_folder(checkout / "gitops" / tree, schemas)] == []


def test_what_needs_a_confirmation_is_deleted_by_a_confirmed_application_only(platform: Platform) -> None:
    """Namespaces and models of hot tiers ask for it; both kinds are owned by the two Applications that a tombstone confirms."""
    asking = {
        each.folder.rpartition("/")[2]
        for each in cluster_tree.objects(platform)
        if CONFIRM_DELETION.items() <= dict(_annotations(each.manifest)).items()
    }
    assert asking == set(platform.tenants)


def _annotations(manifest: Any) -> dict[str, str]:
    return manifest["metadata"].get("annotations") or {}


def test_tombstoned_tenant_is_no_tenant_to_anybody_else(checkout: Path) -> None:
    bury(checkout)
    platform = inventory.load(checkout)
    assert GONE not in {tenant.name for cluster in CLUSTERS for tenant in platform.tenants_of(cluster)}
    assert [tombstone.name for tombstone in platform.tombstones_of("live-2")] == [GONE]
    assert len(list(applications.removal_objects(platform, "live-1", platform.tombstones[GONE]))) == 3
