"""The comment at the head of a rendered file names the file that decides it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from clusters import cluster_tree
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.manifests.tree import file_path

COMMENT = re.compile(r"# Rendered from (\S+) by `tidegate render`; edit that, not this file\.")
FILES = sorted(path for tree in ("rendered", "bootstrap") for path in (ROOT / "gitops" / tree).rglob("*.yaml"))


def named_by(path: Path) -> str:
    found = COMMENT.match(path.read_text(encoding="utf-8").partition("\n")[0])
    assert found, path
    return found[1]


def test_what_is_named_is_there() -> None:
    sources = {named_by(path) for path in FILES}
    assert len(sources) > 20
    assert [source for source in sorted(sources) if not list(ROOT.glob(source))] == []


def rendered(platform: Platform) -> dict[str, tuple[str, object]]:
    return {file_path(each): (each.source, each.manifest) for each in cluster_tree.objects(platform)}


@pytest.mark.parametrize(
    ("edited", "text", "replacement"),
    [
        ("gitops/tenants/fraud.yaml", "requests_per_second: 600", "requests_per_second: 601"),
        ("gitops/tenants/fraud.yaml", "max_replicas: 24", "max_replicas: 23"),
        ("clusters/inventory/live-1/cluster.yaml", "max_cpu: 160", "max_cpu: 200"),
        ("clusters/inventory/live-1/cluster.yaml", "audience: https://models.example.com", "audience: https://other.example.com"),
        ("clusters/inventory/live-1/cluster.yaml", "max_gpus: 8", "max_gpus: 16"),
    ],
)
def test_objects_that_change_with_a_file_name_it(edited: str, text: str, replacement: str, tmp_path: Path) -> None:
    for folder in ("clusters/inventory", "gitops/tenants", "gitops/tombstones", "gitops/catalogue"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, tmp_path / folder)
    before = rendered(inventory.load(tmp_path))
    old = (tmp_path / edited).read_text(encoding="utf-8")
    assert text in old
    (tmp_path / edited).write_text(old.replace(text, replacement, 1), encoding="utf-8")
    after = rendered(inventory.load(tmp_path))
    changed = {key: source for key, (source, manifest) in after.items() if before[key][1] != manifest}
    assert changed
    assert {key: source for key, source in changed.items() if not Path(edited).match(source)} == {}
