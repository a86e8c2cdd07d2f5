"""Renders what the clusters run and validates it, by the `clusters` program and the schemas of the pinned versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import ManifestError
from tidegate.facts import inventory
from tidegate.facts.editor_schemas import editor_schemas
from tidegate.manifests.validate import validate_folder
from tidegate.repository.code_owners import code_owners, stale_findings, write_code_owners
from tidegate.repository.schemas import load_schemas, version_findings
from tidegate.signing.committed import check_catalogue


class Rendered(BaseModel):
    """What a rendering wrote: counts of clusters, objects and files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clusters: int
    objects: int
    files_written: int
    files_unchanged: int
    files_removed: int


def render(checkout: Checkout, out: Path | None = None) -> Rendered:
    """Writes `gitops/rendered` (or `out`), CODEOWNERS and the editor schemas; raises `InventoryError` with nothing changed for bad facts."""
    owners = code_owners(checkout, inventory.load(checkout.root))
    command = [str(checkout.python), "-m", "clusters.program", "render", "--root", ".", "--out", str(out or "gitops/rendered")]
    done = tools.run(command, cwd=checkout.root)
    write_code_owners(checkout, owners)
    for name, text in editor_schemas().items():
        path = checkout.root / "tidegate/facts/schemas" / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return Rendered.model_validate_json(done.stdout)


def validate(checkout: Checkout, on_progress: Callable[[str], None]) -> int:
    """Checks the facts, CODEOWNERS and every object below `gitops`; returns how many objects there are.

    `on_progress` is called while schemas are downloaded, which takes a while the first time. Raises `InventoryError` or
    `ManifestError` with every finding.
    """
    platform = inventory.load(checkout.root)
    schemas = load_schemas(on_progress)
    folders = [folder for folder in (checkout.rendered, checkout.root / "gitops" / "bootstrap") if folder.is_dir()]
    findings = [
        *check_catalogue(checkout.root, platform, platform.catalogue),
        *version_findings(platform),
        *stale_findings(checkout, code_owners(checkout, platform)),
        *(finding for folder in folders for finding in validate_folder(folder, schemas, platform if folder == checkout.rendered else None)),
    ]
    if findings:
        raise ManifestError(findings)
    return sum(1 for folder in folders for _ in folder.rglob("*.yaml"))
