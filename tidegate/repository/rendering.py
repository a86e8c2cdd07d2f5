"""Renders what the clusters run and validates it, by the `clusters` program and the schemas of the pinned versions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.contracts.rendering import RenderCheck, RenderSummary
from tidegate.errors import Finding, ManifestError
from tidegate.facts.editor_schemas import editor_schemas
from tidegate.facts.inventory.prices import load_prices
from tidegate.facts.inventory.profiles import profile_findings
from tidegate.facts.platform import Platform
from tidegate.manifests.layout import RENDERED
from tidegate.manifests.validate import PricedPlatform, validate_folder
from tidegate.repository.code_owners import CODE_OWNERS, code_owners, place_findings, stale_findings
from tidegate.repository.schemas import load_schemas, version_findings
from tidegate.signing.committed import check_catalogue
from tidegate.signing.images import check_images
from tidegate.tools.files import staged
from tidegate.tools.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Production:
    """What production would run: what rendering it wrote, and how many objects were found in order."""

    rendered: RenderSummary
    checked: int


def render_and_validate(checkout: Checkout, platform: Platform, on_progress: OnProgress) -> Production:
    """Renders what production would run and judges every object of it. Raises as `render` and `validate` do."""
    rendered = render(checkout, platform)
    on_progress("manifests", f"{rendered.objects} objects rendered, {rendered.files_written} files changed")
    if findings := judged(checkout, platform, lambda text: on_progress("manifests", text)):
        raise ManifestError(findings)
    checked = _objects(checkout)
    on_progress("manifests", f"{checked} objects validated")
    return Production(rendered, checked)


def render(checkout: Checkout, platform: Platform, out: Path | None = None) -> RenderSummary:
    """Writes `gitops/rendered` (or `out`), CODEOWNERS and the editor schemas from the checkout's own facts, which `platform` holds.

    Raises `ProgramError` with every finding for what cannot be rendered. Nothing has changed then, nor when the disk is full.
    """
    owners = code_owners(checkout, platform)
    if findings := place_findings(checkout):
        raise ManifestError(findings)
    arguments = ("render", "--root", ".", "--out", str(out or RENDERED))
    beside = {checkout.root / "tidegate/facts/schemas" / name: text.encode() for name, text in editor_schemas().items()}
    with staged({checkout.root / CODE_OWNERS: owners.encode(), **beside}) as put_in_place:
        done = tools.run_program(checkout.python, "clusters.program", *arguments, cwd=checkout.root)
        put_in_place()
    return RenderSummary.model_validate_json(done.stdout)


def validate(checkout: Checkout, platform: Platform, on_progress: Callable[[str], None]) -> int:
    """Checks the signed catalogue, CODEOWNERS and every object below `gitops`, and that each is what the facts render to.

    Returns how many objects there are. `on_progress` is called while schemas are downloaded, which takes a while the first time.
    Raises `InventoryError` or `ManifestError` with every finding.
    """
    with ThreadPoolExecutor(1, "rendering") as beside:
        rendered_again = beside.submit(unrendered_findings, checkout)
        findings = judged(checkout, platform, on_progress)
        findings += rendered_again.result()
    if findings:
        raise ManifestError(findings)
    return _objects(checkout)


def unrendered_findings(checkout: Checkout) -> list[Finding]:
    """What `clusters` finds when it renders everything again in its own memory, on another core."""
    done = tools.run_program(checkout.python, "clusters.program", "check", "--root", ".", cwd=checkout.root)
    return list(RenderCheck.model_validate_json(done.stdout).findings)


def _folders(checkout: Checkout) -> tuple[Path, Path]:
    return checkout.rendered, checkout.root / "gitops" / "bootstrap"


def _objects(checkout: Checkout) -> int:
    return sum(1 for folder in _folders(checkout) for _ in folder.rglob("*.yaml"))


def judged(checkout: Checkout, platform: Platform, on_progress: Callable[[str], None]) -> list[Finding]:
    """Every finding about what is in the checkout, whether or not it is what the facts render to."""
    schemas = load_schemas(on_progress)
    priced = PricedPlatform(platform, load_prices(checkout.root))
    return [
        *check_catalogue(checkout.root, platform, platform.catalogue),
        *check_images(checkout.root),
        *version_findings(platform),
        *profile_findings(checkout.root, platform),
        *stale_findings(checkout, code_owners(checkout, platform)),
        *(
            finding
            for folder in _folders(checkout)
            for finding in validate_folder(folder, schemas, priced if folder == checkout.rendered else None)
        ),
    ]
