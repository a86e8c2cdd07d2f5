"""The verdict over a folder of rendered objects: every file against its schema and every rule."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tidegate.errors import Finding, ManifestError
from tidegate.facts import names
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import PriceBook
from tidegate.manifests.budgets import budget_findings, unpriced_findings
from tidegate.manifests.cold_starts import cold_start_findings
from tidegate.manifests.fit.check import fit_findings
from tidegate.manifests.gpu_metrics import gpu_metrics_findings
from tidegate.manifests.layout import RENDERED, TENANTS
from tidegate.manifests.placed import Placed, fields
from tidegate.manifests.rules import RULES
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.sizes import size_findings
from tidegate.manifests.tree import RENDER_COMMAND, facts_of
from tidegate.manifests.yaml_text import Manifest, parse


@dataclass(frozen=True, slots=True)
class ReadFolder:
    """What a folder holds: objects by the first part of their path (of `gitops/rendered`: by cluster), and files that are none."""

    objects: Mapping[str, Sequence[Placed]]
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class PricedPlatform:
    """The facts that rendered objects are judged by, and what their machines cost."""

    platform: Platform
    book: PriceBook


def validate_folder(folder: Path, schemas: SchemaSet, facts: PricedPlatform | None = None) -> list[Finding]:
    """Every finding about every `.yaml` file below `folder`, sorted; sources are paths below `folder`.

    A folder `<cluster>/tenants/<tenant>` is that tenant's, with all below it, as is any folder with a Namespace that carries a tenant's
    label: everything in it must stay in that namespace.
    An empty or missing folder is a finding, because a mistyped path must not look like a clean bill.
    Where the facts are given, the objects of each cluster (`<cluster>/...`) are also judged together: whether some node can host
    each pod, whether each model is up before Knative gives up on it, and whether cards are measured; then whether budgets pay for the
    nodes of floors.
    """
    read = read_folder(folder)
    findings = [*read.findings, *(found for placed in read.objects.values() for each in placed for found in judge(each, schemas))]
    if facts:
        platform, book = facts.platform, facts.book
        for name, cluster in sorted(platform.clusters.items()):
            placed = read.objects.get(name, ())
            findings += [
                *fit_findings(cluster, placed),
                *cold_start_findings(platform, name, placed),
                *gpu_metrics_findings(cluster, placed),
            ]
        findings += [*unpriced_findings(platform, book), *budget_findings(platform, read.objects, book)]
    return sorted(findings)


def read_folder(folder: Path) -> ReadFolder:
    """Every object of every `.yaml` file below `folder`."""
    findings: list[Finding] = []
    objects: dict[str, list[Placed]] = {}
    namespaces: dict[str, str] = {}
    count = 0
    for at, files in _folders(folder):
        manifests: list[tuple[str, Manifest, str]] = []
        for name in files:
            count += 1
            source = f"{at}/{name}"[len(str(folder)) + 1 :]
            try:
                with open(f"{at}/{name}", encoding="utf-8") as file:  # noqa: PTH123 - Path.open costs as much as parsing
                    text = file.read()
                manifests.append((source, parse(text), facts_of(text)))
            except ValueError as error:
                findings.append(Finding(source, "", "yaml-syntax", str(error).strip().replace("\n", " "), "write one object in plain YAML"))
        namespace = _tenant_namespace(manifests)
        inside = at[len(str(folder)) + 1 :].split("/")
        if len(inside) > 2 and inside[1] == TENANTS:  # os.walk gives a folder before those in it
            namespace = namespaces.setdefault("/".join(inside[:3]), namespace or names.tenant_namespace(inside[2]))
        for source, manifest, facts in manifests:
            objects.setdefault(source.partition("/")[0], []).append(Placed(source, manifest, namespace, facts))
    if not count:
        findings.append(Finding(str(folder), "", "folder-empty", "no .yaml file in it", "run `tidegate render`, or correct the path"))
    return ReadFolder(objects, findings)


def read_rendered(root: Path) -> dict[str, list[Placed]]:
    """The rendered objects of the tree at `root` by cluster, with their paths in it; empty without any.

    Raises `ManifestError` naming each file that is no object: what is reckoned without it would be too little.
    """
    folder = root / RENDERED
    if not folder.is_dir():
        return {}
    read = read_folder(folder)
    if read.findings:
        raise ManifestError([replace(finding, source=f"{RENDERED}/{finding.source}") for finding in read.findings])
    return {
        cluster: [replace(placed, source=f"{RENDERED}/{placed.source}") for placed in objects] for cluster, objects in read.objects.items()
    }


def judge(placed: Placed, schemas: SchemaSet) -> list[Finding]:
    """Every finding about one object."""
    return [
        *(_with_facts(finding, placed.facts) for finding in schemas.findings(placed.manifest, placed.source)),
        *size_findings(placed),
        *(finding for rule in RULES for finding in rule(placed)),
    ]


def _with_facts(finding: Finding, facts: str) -> Finding:
    """A rendered file is not edited: the remedy names the file that is."""
    return replace(finding, remedy=f"{finding.remedy} in {facts}, then run `{RENDER_COMMAND}`") if facts else finding


def _folders(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for at, _, files in os.walk(folder):
        yield at, sorted(name for name in files if name.endswith((".yaml", ".yml")))


def _tenant_namespace(manifests: list[tuple[str, Manifest, str]]) -> str | None:
    for _, manifest, _facts in manifests:
        metadata = fields(manifest.get("metadata"))
        if manifest.get("kind") == "Namespace" and names.LABEL_TENANT in fields(metadata.get("labels")):
            return str(metadata.get("name") or "") or None
    return None
