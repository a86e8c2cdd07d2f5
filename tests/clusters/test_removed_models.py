"""A model is deleted by a tombstone that names it, and by nothing else: no vanished file, no file that is cut short."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.clusters.test_removals import CLUSTERS, TOMBSTONE, checkout, contents, read, refusal, render
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.validate import validate_folder
from tidegate.manifests.yaml_text import parse
from tidegate.repository.remove_model import without_model

__all__ = ["checkout"]

TENANT, MODEL, KEPT = "scoring", "batch", "fraud-shadow"
MODELS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("gitops/rendered/*/tenants/*/inferenceservice-*.yaml"))


def take_out(root: Path) -> None:
    path = root / "gitops" / "tenants" / f"{TENANT}.yaml"
    path.write_text(without_model(path.read_text(encoding="utf-8"), MODEL), encoding="utf-8")


def bury(root: Path, clusters: str = "[live-1, live-2]") -> None:
    take_out(root)
    (root / "gitops" / "tombstones").mkdir()
    text = TOMBSTONE.replace("[live-1, live-2]", clusters) + f"models: [{MODEL}]\n"
    (root / "gitops" / "tombstones" / f"{TENANT}.yaml").write_text(text, encoding="utf-8")


def application(root: Path, cluster: str, tenant: str = TENANT) -> Any:
    return read(root, f"rendered/{cluster}/delivery/application-tenant-{tenant}.yaml")


def test_model_that_vanished_from_its_file_is_refused_and_nothing_changes(checkout: Path) -> None:
    take_out(checkout)
    expected = (
        "gitops/tenants/scoring.yaml: models.batch: it would vanish from Git for live-1, live-2, and run on: no model is deleted without a "
        "tombstone; put it back and run `tidegate model remove scoring/batch`, or list it in models of gitops/tombstones/scoring.yaml "
        "[model-removed-without-tombstone]"
    )
    assert refusal(checkout) == [expected]


def test_tombstone_must_name_every_cluster_that_runs_the_model(checkout: Path) -> None:
    bury(checkout, "[live-2]")
    assert "it would vanish from Git for live-1, and run on" in refusal(checkout)[0]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_without_a_tombstone_argo_cd_neither_tries_to_delete_a_model_nor_may(checkout: Path, cluster: str) -> None:
    platform = inventory.load(checkout)
    for name, tenant in platform.tenants.items():
        found = application(checkout, cluster, name)
        assert found["spec"]["syncPolicy"]["automated"] == {"prune": False, "selfHeal": True, "allowEmpty": False}
        assert found["metadata"]["annotations"]["tidegate.dev/holds"].split() == sorted(tenant.models)
        roles = sorted((checkout / "gitops" / "rendered" / cluster / "tenants" / name).glob("role-*.yaml"))
        assert [path.name for path in roles] == [f"role-{name}-deploy.yaml"]
        (rule,) = yaml.safe_load(roles[0].read_text(encoding="utf-8"))["rules"]
        assert rule["verbs"] == ["get", "list", "watch", "create", "update", "patch"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_tombstone_lets_argo_cd_delete_that_model_alone(checkout: Path, cluster: str) -> None:
    before = application(checkout, cluster)["spec"]["source"]["directory"]
    bury(checkout)
    render(checkout)
    folder = f"rendered/{cluster}/tenants/{TENANT}"
    assert not (checkout / "gitops" / folder / f"inferenceservice-{MODEL}.yaml").exists()
    assert (checkout / "gitops" / folder / f"inferenceservice-{KEPT}.yaml").exists()
    found = application(checkout, cluster)
    assert found["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": False}
    # Argo CD looks at once when the source of an Application changes; it does not when its sync policy does.
    both = {"include": f"{{inferenceservice-*.yaml,inferenceservice-{MODEL}.yaml,inferenceservice-{KEPT}.yaml}}"}
    assert (before, found["spec"]["source"]["directory"]) == (
        both,
        {"include": f"{{inferenceservice-*.yaml,inferenceservice-{KEPT}.yaml}}"},
    )
    assert found["metadata"]["annotations"]["tidegate.dev/holds"] == KEPT
    assert "argocd.argoproj.io/deletion-approved" not in found["metadata"]["annotations"]
    rules = [read(checkout, f"{folder}/role-scoring-{name}.yaml")["rules"] for name in ("deploy", "deploy-removal")]
    assert "delete" not in rules[0][0]["verbs"]
    assert rules[1] == [
        {"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "resourceNames": [MODEL], "verbs": ["delete"]}
    ]
    binding = read(checkout, f"{folder}/rolebinding-scoring-deploy-removal.yaml")
    assert binding["roleRef"]["name"] == "scoring-deploy-removal"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "scoring-deploy", "namespace": "tenant-scoring"}]


def test_tombstone_of_a_model_changes_nothing_of_other_tenants(checkout: Path) -> None:
    before = contents(checkout / "gitops" / "rendered")
    bury(checkout)
    render(checkout)
    after = contents(checkout / "gitops" / "rendered")
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    # The tier's pre-pulled images and the edge's limits name models of all tenants.
    assert {path for path in changed if "/tenants/" in path and f"/tenants/{TENANT}/" not in path} == set()
    assert {path for path in changed if "/delivery/" in path} == {
        f"{cluster}/delivery/application-tenant-{TENANT}.yaml" for cluster in CLUSTERS
    }


def test_what_a_tombstone_of_a_model_renders_fits_its_schemas_and_rules(checkout: Path, schemas: SchemaSet) -> None:
    bury(checkout)
    render(checkout)
    assert [str(finding) for finding in validate_folder(checkout / "gitops" / "rendered", schemas)] == []


def test_model_that_is_restored_is_as_it_was(checkout: Path) -> None:
    file = checkout / "gitops" / "tenants" / f"{TENANT}.yaml"
    before, text = contents(checkout / "gitops"), file.read_bytes()
    bury(checkout)
    render(checkout)
    file.write_bytes(text)
    (checkout / "gitops" / "tombstones" / f"{TENANT}.yaml").unlink()
    (checkout / "gitops" / "tombstones").rmdir()
    render(checkout)
    assert contents(checkout / "gitops") == before


# --- a tenant that leaves one of its clusters ---


def leave(root: Path) -> None:
    path = root / "gitops" / "tenants" / f"{TENANT}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("clusters: [live-1, live-2]", "clusters: [live-1]"), encoding="utf-8")


def test_tenant_that_leaves_a_cluster_without_a_tombstone_is_refused(checkout: Path) -> None:
    leave(checkout)
    (found,) = refusal(checkout)
    assert found.startswith("gitops/tenants/scoring.yaml: clusters = live-1: it would vanish from live-2, where nothing would then delete")
    assert found.endswith("add live-2, or write gitops/tombstones/scoring.yaml with clusters: [live-2] [tenant-removed-without-tombstone]")


def test_tombstone_takes_a_tenant_out_of_one_cluster_and_leaves_it_in_the_other(checkout: Path) -> None:
    before = {path: content for path, content in contents(checkout / "gitops" / "rendered" / "live-1").items() if TENANT in path}
    leave(checkout)
    (checkout / "gitops" / "tombstones").mkdir()
    text = TOMBSTONE.replace("[live-1, live-2]", "[live-2]")
    (checkout / "gitops" / "tombstones" / f"{TENANT}.yaml").write_text(text, encoding="utf-8")
    render(checkout)
    after = contents(checkout / "gitops" / "rendered" / "live-1")
    assert {path: after.get(path) for path in before} == before
    assert application(checkout, "live-2")["spec"]["source"]["directory"] == {"exclude": "*"}
    assert sorted(path.name for path in (checkout / f"gitops/rendered/live-2/tenants/{TENANT}").iterdir()) == ["removed.txt"]


def test_living_tenant_whose_namespace_moves_is_refused(checkout: Path) -> None:
    file = checkout / "gitops" / "tenants" / f"{TENANT}.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "namespace: tenant-moved\n", encoding="utf-8")
    expected = (
        "gitops/tenants/scoring.yaml: namespace = tenant-moved: the tenant lives in tenant-scoring in live-1, live-2, and its models there "
        "would run on with nobody to look after them; set tenant-scoring, or remove the tenant (`tidegate tenant remove scoring`) and add it "
        "under another name [tenant-namespace-moved]"
    )
    assert refusal(checkout) == [expected]


# --- files that are cut short ---


def cuts(text: str) -> Iterator[Any]:
    """What a reader takes from beginnings of the file that read as an object; what cannot be read is refused by Argo CD."""
    ends, last = [0], text.rstrip("\n").rfind("\n")
    for line in text.splitlines(keepends=True):
        ends += [ends[-1] + len(line) // 2, ends[-1] + len(line) - 1, ends[-1] + len(line)]
    for end in sorted({end for end in ends if end < len(text)} | set(range(last, len(text)))):
        with contextlib.suppress(ValueError):
            yield parse(text[:end])


def field(found: Any, *keys: str) -> object:
    for key in keys:
        found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
    return found


@pytest.mark.parametrize("path", [path for path in MODELS if "/live-1/" in path])
def test_file_that_ends_early_lacks_what_admission_demands(path: str) -> None:
    """Without `storageUri` admission refuses it (policies/require-immutable-model/cases/deny-no-uri.yaml)."""
    text = (ROOT / path).read_text(encoding="utf-8")
    whole = parse(text)
    read_as = 0
    for found in cuts(text):
        read_as += 1
        assert found == whole or not field(found, "spec", "predictor", "model", "storageUri")
    assert read_as > text.count("\n")
