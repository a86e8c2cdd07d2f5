"""`.github/CODEOWNERS`: whom GitHub asks to review a change, rendered from the facts.

One owner a line. GitHub takes the last line that matches a path, and of several owners the approval of any: beside the platform's team
a tenant's could then let anything through.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.errors import Finding
from tidegate.facts.github import PlatformFacts
from tidegate.facts.inventory.catalogue import FOLDER as CATALOGUE
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.inventory.readable import clipped
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.manifests.layout import RENDERED, tenant_folder
from tidegate.manifests.tree import RENDER_COMMAND
from tidegate.tools.files import write_whole

CODE_OWNERS = Path(".github/CODEOWNERS")
PLATFORM = Path("clusters/inventory/platform.yaml")


def code_owners(checkout: Checkout, platform: Platform) -> str:
    """The text of the file; the same facts always give the same. Raises `InventoryError` when the platform's own facts are refused."""
    everything = ("*", read_fact(checkout.root, PLATFORM, PlatformFacts).github_team)
    blocks = [[everything], *([(path, tenant.github_team) for path in _paths(tenant)] for _, tenant in sorted(platform.tenants.items()))]
    lines = [
        f"# Rendered from {PLATFORM.as_posix()} and {tenant_source('*')} by `{RENDER_COMMAND}`; edit those files.",
        "# The last line that matches a path holds.",
    ]
    for block in blocks:
        lines += ["", *(f"{path} {team}" for path, team in block)]
    return "\n".join(lines) + "\n"


def _paths(tenant: Tenant) -> Iterator[str]:
    """What a tenant's team reviews by itself; its guard rails and the list of all approved models stay with the platform's team."""
    yield f"/{tenant_source(tenant.name)}"
    yield f"/{CATALOGUE.as_posix()}/{tenant.name}.json"
    yield f"/{RENDERED}/{tenant_folder('*', tenant.name)}/inferenceservice-*.yaml"


def write_code_owners(checkout: Checkout, text: str) -> None:
    """Writes the file, unless it holds `text` already. A link in its place is replaced, not followed."""
    write_whole(checkout.root / CODE_OWNERS, text.encode())


def place_findings(checkout: Checkout) -> list[Finding]:
    """A finding when something else than a file is where CODEOWNERS belongs, before anything is rendered."""
    path = checkout.root / CODE_OWNERS
    taken = [
        each
        for each, is_it in ((path.parent, path.parent.is_dir()), (path, path.is_file() or path.is_symlink()))
        if each.exists() and not is_it
    ]
    return [
        Finding(each.relative_to(checkout.root).as_posix(), "", "code-owners-place", "is in the way of CODEOWNERS", "move it away")
        for each in taken
    ]


def stale_findings(checkout: Checkout, text: str) -> list[Finding]:
    """A finding when the file is not there or holds anything but `text`."""
    path, at = checkout.root / CODE_OWNERS, CODE_OWNERS.as_posix()
    remedy = f"run `{RENDER_COMMAND}` and commit the file"
    if not path.is_file():
        return [Finding(at, "", "code-owners-stale", "is missing", remedy)]
    if path.is_symlink():
        return [Finding(at, "", "code-owners-stale", "is a link, which GitHub does not read", remedy)]
    if path.read_bytes() == text.encode():
        return []
    # Ends of lines are compared, too: the only difference may be that they are those of Windows, or that the last one is missing.
    committed, wanted = (_lines(content) for content in (path.read_bytes().decode(errors="replace"), text))
    number = next((number for number, (old, new) in enumerate(zip(committed, wanted, strict=False), start=1) if old != new), 0)
    number = number or min(len(committed), len(wanted)) + 1
    found = committed[number - 1] if number <= len(committed) else ""
    return [
        Finding(at, f"line {number}", "code-owners-stale", "is not what the facts render to", remedy, clipped(found.removesuffix("\n")))
    ]


def _lines(text: str) -> list[str]:
    return StringIO(text, newline="\n").readlines()
