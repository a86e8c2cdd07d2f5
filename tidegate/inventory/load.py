"""Loads every cluster and tenant file of a checkout into one checked `Platform`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tidegate.errors import Finding, InventoryError
from tidegate.inventory.refusals import findings_of
from tidegate.inventory.yaml_files import RefusedDocument, read_document
from tidegate.model.cluster import Cluster
from tidegate.model.platform import Platform, check
from tidegate.model.tenant import Tenant

FactT = TypeVar("FactT", bound=BaseModel)


def load(root: Path) -> Platform:
    """The platform described by the checkout at `root`.

    Raises `InventoryError` with every finding of every file. Contradictions between files are looked for only when
    each file alone is sound, because a half-read file would accuse its neighbours.
    """
    platform, findings = load_folder_findings(root)
    if findings or platform is None:
        raise InventoryError(findings)
    return platform


def load_folder_findings(root: Path) -> tuple[Platform | None, list[Finding]]:
    """The platform (None when a file cannot be read) and all findings about it."""
    findings: list[Finding] = []
    clusters: dict[str, Cluster] = {}
    tenants: dict[str, Tenant] = {}
    for path in sorted((root / "clusters" / "inventory").glob("*/cluster.yaml")):
        if cluster := _read(path, root, Cluster, path.parent.name, findings):
            clusters[cluster.name] = cluster
    for path in sorted((root / "gitops" / "tenants").glob("*.y*ml")):
        if tenant := _read(path, root, Tenant, path.stem, findings):
            tenants[tenant.name] = tenant
    if not clusters and not findings:
        findings.append(Finding("clusters/inventory", "", "inventory-empty", "no cluster file", "add <name>/cluster.yaml"))
    if findings:
        return None, findings
    platform = Platform(clusters, tenants)
    return platform, check(platform)


def _read(path: Path, root: Path, model: type[FactT], name: str, findings: list[Finding]) -> FactT | None:
    source = path.relative_to(root).as_posix()
    if path.suffix != ".yaml":
        findings.append(Finding(source, "", "file-suffix", "not a .yaml file", f"rename it to {path.stem}.yaml"))
        return None
    try:
        document = read_document(path, source)
        # Through JSON, because strict validation takes lists for tuples and text for enums only from there.
        fact = model.model_validate_json(json.dumps(document))
    except RefusedDocument as refused:
        findings.extend(refused.findings)
        return None
    except ValidationError as error:
        findings.extend(findings_of(error, source, model))
        return None
    declared = str(document["name"])
    if declared != name:
        remedy = f"write name: {name}, or rename the file"
        findings.append(Finding(source, "name", "name-differs-from-file", f"the file says {name}", remedy, declared))
        return None
    return fact
