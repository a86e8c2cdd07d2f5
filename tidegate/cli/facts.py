"""Commands about facts and what is rendered from them."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import Annotated

import typer

from tidegate.cli.cost import NewRevision, OldRevision, show_floors
from tidegate.cli.options import Json
from tidegate.cli.screen import Screen


class TierChoice(StrEnum):
    """The tiers, spelt again here because the model takes 0.2 s to import; a test compares."""

    REGULATED = "regulated"
    CRITICAL = "critical"
    STANDARD = "standard"
    BATCH = "batch"


def render(json: Json = False) -> None:
    """Render tenants and clusters into gitops/rendered, and the editor schemas."""
    from tidegate.checkout import find_checkout
    from tidegate.repository import rendering

    screen = Screen(json)
    done = rendering.render(find_checkout())
    screen.text(
        f"{done.objects} objects of {done.clusters} clusters: {done.files_written} files written, "
        f"{done.files_unchanged} unchanged, {done.files_removed} removed."
    )
    screen.answer(done)


def validate(json: Json = False) -> None:
    """Check the inventory, the tenants and every rendered object; all findings at once."""
    from tidegate.checkout import find_checkout
    from tidegate.repository import rendering

    screen = Screen(json)
    checked = rendering.validate(find_checkout(), lambda text: screen.progress("schemas", text))
    screen.text(f"The inventory is sound; {checked} rendered objects fit their schemas and the platform's rules, and every pod some node.")
    screen.answer({"objects": checked, "findings": []})


def diff(
    old: OldRevision = "HEAD",
    new: NewRevision = "working tree",
    json: Json = False,
) -> None:
    """Compare two revisions: objects, GPUs and floor money."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.revisions import compare

    screen = Screen(json)
    found = compare(find_checkout(), old, new)
    screen.text(f"{old} -> {new}: {len(found.added)} objects added, {len(found.removed)} removed, {len(found.changed)} changed")
    for sign, paths in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for path in paths:
            screen.text(f"  {sign} {path}")
    show_floors(screen, "Floors", found)
    screen.answer(found)


def new_tenant(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")],
    tier: Annotated[TierChoice, typer.Option(help="How much a failure costs.")],
    owner: Annotated[str, typer.Option(help="Mail address of the owning team.")],
    sha256: Annotated[str, typer.Option(help="SHA-256 of the first model's artefact (sha256sum).")],
    golden_sha256: Annotated[str, typer.Option(help="SHA-256 of its golden set.")],
    caller: Annotated[str, typer.Option(help="The `sub` of the token that may call it.")],
    model: Annotated[str, typer.Option(help="Name of the first served model.")] = "model",
    runtime: Annotated[str, typer.Option(help="Its model server.")] = "mlserver-sklearn",
    json: Json = False,
) -> None:
    """Write the file of a new tenant, complete and valid."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.new_tenant import Answers, write_new_tenant

    screen = Screen(json)
    checkout = find_checkout()
    answers = Answers(name, tier.value, owner, model, runtime, caller, sha256, golden_sha256)
    path = write_new_tenant(checkout, answers).relative_to(checkout.root).as_posix()
    screen.text(f"Wrote {path}. Edit it, then run `tidegate render` and `tidegate validate`.")
    screen.answer({"file": path})


def remove_tenant(
    name: Annotated[str, typer.Argument(help="Its file is gitops/tenants/<name>.yaml.")],
    requested_by: Annotated[str, typer.Option(help="Mail address of who answers for the removal.")],
    reason: Annotated[str, typer.Option(help="Why, in one line.")],
    json: Json = False,
) -> None:
    """Replace a tenant's file by a tombstone, which deletes all it runs once it is rendered and committed."""
    from datetime import datetime

    from tidegate.checkout import find_checkout
    from tidegate.repository import remove_tenant as removal

    screen = Screen(json)
    moved = removal.remove_tenant(find_checkout(), name, requested_by, reason, datetime.now(UTC).date())
    screen.text(f"Deleted {moved.deleted} and wrote {moved.written}. `tidegate render` and the commit of both confirm the deletion.")
    screen.answer(moved)


def explain_model(
    model: Annotated[str, typer.Argument(help="<tenant>/<name>, such as fraud/scorer.")],
    json: Json = False,
) -> None:
    """Tell where each value of a served model comes from, and where a region runs, why it answers or does not."""
    from tidegate.checkout import find_checkout
    from tidegate.cli.serving import diagnose, show_diagnosis
    from tidegate.repository import explain_model as explanation

    screen = Screen(json)
    checkout = find_checkout()
    rows = explanation.explain_model(checkout, model)
    screen.table(model, ["value", "is", "from", "why"], [(row.path, row.value, row.source, row.why) for row in rows])
    live: list[explanation.Explanation] = []
    for region, diagnosis in diagnose(screen, checkout, model):
        show_diagnosis(screen, region, diagnosis)
        live += explanation.explain_diagnosis(region, diagnosis)
    screen.answer([*rows, *live])
