"""The program as it is called: deterministic, equal to what is committed, and harmless when it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clusters import program
from tests.root import ROOT
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.validate import validate_folder

TREES = ("gitops/rendered", "gitops/bootstrap")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The inventory alone, without anything rendered."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "clusters" / "inventory", root / "clusters" / "inventory")
    shutil.copytree(ROOT / "gitops" / "tenants", root / "gitops" / "tenants")
    return root


def render(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clusters.program", "render", "--root", str(root), "--out", str(out)]
    # Another hash seed each time: an order taken from a set would show.
    environment = {**os.environ, "PYTHONHASHSEED": str(time.monotonic_ns() % 2**32)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_rendered_tree_is_the_committed_one(checkout: Path) -> None:
    done = render(checkout, checkout / "gitops" / "rendered")
    assert (done.returncode, done.stderr) == (0, "")
    for tree in TREES:
        fresh, committed = contents(checkout / tree), contents(ROOT / tree)
        differing = sorted(path for path in fresh.keys() | committed.keys() if fresh.get(path) != committed.get(path))
        assert differing == [], f"{tree} is not what the inventory renders to; run `tidegate render` and commit"


def test_two_renderings_are_equal_and_the_second_writes_nothing(checkout: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    summary = json.loads(render(checkout, first).stdout)
    assert summary == {
        "clusters": 2,
        "objects": summary["objects"],
        "files_written": summary["objects"],
        "files_unchanged": 0,
        "files_removed": 0,
    }
    render(checkout, second)
    assert contents(first) == contents(second)
    again = json.loads(render(checkout, first).stdout)
    assert again == {**summary, "files_written": 0, "files_unchanged": summary["objects"]}


def test_bootstrap_is_written_with_the_checkouts_own_tree_only(checkout: Path, tmp_path: Path) -> None:
    render(checkout, tmp_path / "elsewhere")
    assert not (checkout / "gitops" / "bootstrap").exists()
    render(checkout, checkout / "gitops" / "rendered")
    assert sorted(contents(checkout / "gitops" / "bootstrap")) == [
        f"{cluster}/{name}.yaml" for cluster in ("live-1", "live-2") for name in ("application-root", "appproject-platform")
    ]


def test_bad_inventory_changes_nothing(checkout: Path) -> None:
    out = checkout / "gitops" / "rendered"
    render(checkout, out)
    before = contents(checkout)
    tenant = checkout / "gitops" / "tenants" / "fraud.yaml"
    tenant.write_text(tenant.read_text(encoding="utf-8").replace("min_replicas: 6", "min_replicas: 0"), encoding="utf-8")
    done = render(checkout, out)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "gitops/tenants/fraud.yaml: models.scorer.scaling.min_replicas = 0" in done.stderr
    assert "[forbid-zero-on-hot-tiers]" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(out) == {
        path.removeprefix("gitops/rendered/"): data for path, data in before.items() if path.startswith("gitops/rendered/")
    }


def test_tenant_named_like_a_component_has_a_folder_of_its_own(checkout: Path) -> None:
    tenants = checkout / "gitops" / "tenants"
    text = (tenants / "merchants.yaml").read_text(encoding="utf-8").replace("merchants", "edge")
    (tenants / "edge.yaml").write_text(text, encoding="utf-8")
    out = checkout / "gitops" / "rendered"
    done = render(checkout, out)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "live-1" / "tenants" / "edge" / "namespace-tenant-edge.yaml").is_file()
    assert (out / "live-1" / "platform" / "edge" / "gateway-edge.yaml").is_file()


def test_tenant_named_like_a_namespace_of_the_platform_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tenants = checkout / "gitops" / "tenants"
    text = (tenants / "merchants.yaml").read_text(encoding="utf-8").replace("name: merchants", "name: monitoring", 1)
    (tenants / "monitoring.yaml").write_text(text, encoding="utf-8")
    out = checkout / "gitops" / "rendered"
    assert program.main(["render", "--root", str(checkout), "--out", str(out)]) == 1
    assert "gitops/tenants/monitoring.yaml: name = monitoring: is a name of the platform" in capsys.readouterr().err
    assert not out.exists()


def test_everything_rendered_fits_its_schema_and_every_rule(schemas: SchemaSet) -> None:
    for tree in TREES:
        assert [str(finding) for finding in validate_folder(ROOT / tree, schemas)] == []


def test_rendering_imports_no_pulumi() -> None:
    code = "import sys, clusters.program; sys.exit('pulumi' in sys.modules or 'pulumi_kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
