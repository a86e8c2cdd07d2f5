"""Commands about what is rendered from facts: written, checked and compared."""

from __future__ import annotations

from tidegate.cli.cost import NewRevision, OldRevision, show_floors
from tidegate.cli.options import Json, Wait, at_work
from tidegate.cli.prices import age_warnings, warn_of_ages
from tidegate.cli.screen import Screen


def render(json: Json = False, wait: Wait = False) -> None:
    """Render tenants and clusters into gitops/rendered, CODEOWNERS and the editor schemas."""
    from tidegate.checkout import find_checkout
    from tidegate.facts import inventory
    from tidegate.repository import rendering

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, "render", wait):
        done = rendering.render(checkout, inventory.load(checkout.root))
    screen.text(
        f"{done.objects} objects of {done.clusters} clusters: {done.files_written} files written, "
        f"{done.files_unchanged} unchanged, {done.files_removed} removed."
    )
    screen.answer(done)


def validate(json: Json = False) -> None:
    """Check the inventory, the tenants and every rendered object; all findings at once."""
    from tidegate.checkout import find_checkout
    from tidegate.facts import inventory
    from tidegate.facts.platform import warn
    from tidegate.repository import rendering

    screen = Screen(json)
    checkout = find_checkout()
    platform = inventory.load(checkout.root)
    checked = rendering.validate(checkout, platform, lambda text: screen.progress("schemas", text))
    warnings = [*warn(platform), *age_warnings(checkout.root)]
    for warning in warnings:
        screen.text(f"Warning: {warning}")
    screen.text(
        f"The inventory is valid. {checked} objects are what it renders to and match their schemas and the platform's rules; every pod fits a node."
    )
    screen.answer({"objects": checked, "findings": [], "warnings": warnings})


def diff(
    old: OldRevision = "HEAD",
    new: NewRevision = "working tree",
    json: Json = False,
) -> None:
    """Compare two revisions: objects, GPUs and floor money."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.revisions import compare

    screen, checkout = Screen(json), find_checkout()
    found = compare(checkout, old, new)
    warn_of_ages(screen, checkout.root)
    screen.text(f"{old} -> {new}: {len(found.added)} objects added, {len(found.removed)} removed, {len(found.changed)} changed")
    for sign, paths in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for path in paths:
            screen.text(f"  {sign} {path}")
    show_floors(screen, "Floors", found)
    screen.answer(found)
