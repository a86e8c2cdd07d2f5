"""Loads every cluster, tenant and tombstone file of a checkout into one checked `Platform`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tidegate.errors import Finding, InventoryError
from tidegate.facts.cluster import Cluster
from tidegate.facts.inventory.catalogue import load_catalogue
from tidegate.facts.inventory.image_catalogue import load_images
from tidegate.facts.inventory.refusals import findings_of
from tidegate.facts.inventory.yaml_files import RefusedDocument, read_document
from tidegate.facts.platform import Platform, check
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import Tombstone

FactT = TypeVar("FactT", bound=BaseModel)

_OTHER_FACTS = "platform.yaml"
"""In the folder of the clusters, read where it is needed (`tidegate.facts.github`)."""


def load(root: Path) -> Platform:
    """The platform described by the checkout at `root`.

    Raises `InventoryError` with every finding of every file. Contradictions between files are looked for only when
    each file alone is sound, because a half-read file would accuse its neighbours.
    """
    platform, findings = load_folder_findings(root)
    if findings or platform is None:
        raise InventoryError(findings)
    return replace(platform, catalogue=load_catalogue(root), images=load_images(root).images)


def load_folder_findings(root: Path) -> tuple[Platform | None, list[Finding]]:
    """The platform (None when a file cannot be read) and all findings about it."""
    findings: list[Finding] = []
    clusters: dict[str, Cluster] = {}
    for folder in _entries(root / "clusters" / "inventory", root, findings):
        path = folder / "cluster.yaml"
        if not folder.is_dir():
            if folder.name != _OTHER_FACTS:
                findings += _unread(folder, root, "clusters/inventory/<name>/cluster.yaml")
            continue
        if not path.is_file() and not path.is_symlink():
            source = folder.relative_to(root).as_posix()
            findings.append(
                Finding(source, "", "cluster-file-missing", "a folder without cluster.yaml", "add the file or remove the folder")
            )
            continue
        for other in _entries(folder, root, findings):
            if other.name != path.name:
                findings += _unread(other, root, "clusters/inventory/<name>/cluster.yaml")
        if cluster := _read(path, root, Cluster, folder.name, findings):
            clusters[cluster.name] = cluster
    tenants = {tenant.name: tenant for tenant in _read_files(root, "gitops/tenants", Tenant, findings)}
    tombstones = {tombstone.name: tombstone for tombstone in _read_files(root, "gitops/tombstones", Tombstone, findings)}
    if not clusters and not findings:
        findings.append(Finding("clusters/inventory", "", "inventory-empty", "no cluster file", "add <name>/cluster.yaml"))
    if findings:
        return None, findings
    platform = Platform(clusters, tenants, tombstones)
    return platform, check(platform)


def _entries(folder: Path, root: Path, findings: list[Finding]) -> list[Path]:
    """What is in `folder`; nothing where it is not there. A file in its place is a finding: nobody would miss what it was to hold."""
    if folder.is_dir():
        return sorted(folder.iterdir())
    if folder.exists() or folder.is_symlink():
        source = folder.relative_to(root).as_posix()
        findings.append(Finding(source, "", "file-not-folder", "is no folder", "move it away, and put the folder back with `git checkout`"))
    return []


def _read_files(root: Path, folder: str, model: type[FactT], findings: list[Finding]) -> Iterator[FactT]:
    for path in _entries(root / folder, root, findings):
        if path.suffix.lower() not in {".yaml", ".yml", ".json"}:
            findings += _unread(path, root, f"{folder}/<name>.yaml")
        elif fact := _read(path, root, model, path.stem, findings):
            yield fact


def _unread(path: Path, root: Path, read: str) -> Iterator[Finding]:
    """A finding for what nobody reads: whoever put it there believes otherwise. A README and editors' own files are left alone."""
    if path.name.startswith(".") or path.name.endswith("~") or path.name == "README.md":
        return
    source = path.relative_to(root).as_posix()
    if path.is_dir():
        yield Finding(source, "", "file-unread", "nothing in this folder is read", f"move its files to {read}")
    else:
        yield Finding(source, "", "file-unread", "is not read", f"rename it to {read}, or move it away")


def _read(path: Path, root: Path, model: type[FactT], name: str, findings: list[Finding]) -> FactT | None:
    source = path.relative_to(root).as_posix()
    if path.suffix != ".yaml":
        findings.append(Finding(source, "", "file-suffix", "not a .yaml file", f"rename it to {path.stem}.yaml"))
        return None
    try:
        document = read_document(path, source)
    except RefusedDocument as refused:
        findings.extend(refused.findings)
        return None
    try:
        # Through JSON, because strict validation takes lists for tuples and text for enums only from there.
        fact = model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        findings.extend(findings_of(error, source, model, document))
        return None
    declared = str(document["name"])
    if declared != name:
        what = "folder" if path.stem == "cluster" else "file"
        remedy = f"write name: {name}, or rename the {what}"
        findings.append(Finding(source, "name", "name-differs-from-file", f"the {what} is called {name}", remedy, declared))
        return None
    return fact
