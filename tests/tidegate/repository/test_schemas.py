"""Schemas come from pinned modules, are cached by content and are refused when a checksum differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate.errors import ManifestError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.repository import schemas


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tidegate" / "schemas"


def test_second_loading_reads_the_cache_only(empty_cache: Path) -> None:
    told: list[str] = []
    first = schemas.load_schemas(told.append)
    assert told[0].endswith(f"reading {1 + len(schemas.OPERATORS)} Go modules")
    assert any("k8s.io/kubernetes" in line for line in told)
    assert [path.suffix for path in empty_cache.iterdir()] == [".json"]
    told.clear()
    assert schemas.load_schemas(told.append).kinds == first.kinds
    assert told == []


def test_damaged_cache_is_rebuilt(empty_cache: Path) -> None:
    kinds = schemas.load_schemas().kinds
    (file,) = empty_cache.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    assert schemas.load_schemas().kinds == kinds


def test_other_checksum_is_refused_and_nothing_is_cached(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = replace(schemas.OPERATORS[0], checksum="h1:AAAA")
    monkeypatch.setattr(schemas, "OPERATORS", (forged,))
    with pytest.raises(ManifestError, match=r"karpenter@v[0-9.]+ = h1:.*not the module we pinned \(h1:AAAA\).*\[module-checksum\]"):
        schemas.load_schemas()
    assert list(empty_cache.iterdir()) == []


def test_changed_table_is_another_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    before = schemas.cache_path()
    with monkeypatch.context() as patched:
        patched.setattr(schemas, "KUBERNETES", replace(schemas.KUBERNETES, checksum="h1:AAAA"))
        assert schemas.cache_path() != before
    monkeypatch.setattr(schemas.SchemaModule, "version", "v9.9.9")
    assert schemas.cache_path() != before


def test_inventory_runs_the_minor_whose_schemas_we_read() -> None:
    assert schemas.version_findings(inventory.load(ROOT)) == []


def test_other_minor_is_a_finding() -> None:
    platform = inventory.load(ROOT)
    clusters = {name: cluster.model_copy(update={"kubernetes_version": "1.36"}) for name, cluster in platform.clusters.items()}
    findings = schemas.version_findings(Platform(clusters, platform.tenants))
    assert [(finding.source, finding.path, finding.value) for finding in findings] == [
        ("clusters/inventory/live-1/cluster.yaml", "kubernetes_version", "1.36"),
        ("clusters/inventory/live-2/cluster.yaml", "kubernetes_version", "1.36"),
    ]
