"""Commands about tenants: started, removed, and attacked from each other's pods."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json, Reason, RequestedBy, Wait, at_work
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.attack.cells import Cell, Report


class TierChoice(StrEnum):
    """The tiers, spelt again here because the model takes 0.2 s to import; a test compares."""

    REGULATED = "regulated"
    CRITICAL = "critical"
    STANDARD = "standard"
    BATCH = "batch"


def new_tenant(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")],
    tier: Annotated[TierChoice, typer.Option(help="How much a failure costs.")],
    owner: Annotated[str, typer.Option(help="Mail address of the owning team.")],
    github_team: Annotated[str, typer.Option(help="Who reviews its changes on GitHub: @organisation/team or @user.")],
    artefact: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="The folder with version 1 of the first model, signed by `tidegate model sign`."),
    ],
    golden_set: Annotated[Path, typer.Option(exists=True, file_okay=False, help="The folder with its golden set.")],
    caller: Annotated[str, typer.Option(help="The `sub` of the token that may call it.")],
    model: Annotated[str, typer.Option(help="Name of the first served model.")] = "model",
    runtime: Annotated[str, typer.Option(help="Its model server.")] = "mlserver-sklearn",
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The public key <tenant>-release (PEM). Default: this machine's own of that name."),
    ] = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Verify the first model and write the file of a new tenant, complete and valid."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.new_tenant import Answers, write_new_tenant

    screen = Screen(json)
    checkout = find_checkout()
    answers = Answers(name, tier.value, owner, github_team, model, runtime, caller, artefact, golden_set, public_key)
    with at_work(screen, checkout, f"tenant new {name}", wait):
        path = write_new_tenant(checkout, answers).relative_to(checkout.root).as_posix()
    screen.text(f"Wrote {path}. Edit it, then run `tidegate render` and `tidegate validate`.")
    screen.answer({"file": path})


def remove_tenant(
    name: Annotated[str, typer.Argument(help="Its file is gitops/tenants/<name>.yaml.")],
    requested_by: RequestedBy,
    reason: Reason,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Replace a tenant's file by a tombstone, which deletes all it runs once it is rendered and committed."""
    from datetime import datetime

    from tidegate.checkout import find_checkout
    from tidegate.repository import remove_tenant as removal

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, f"tenant remove {name}", wait):
        moved = removal.remove_tenant(checkout, name, requested_by, reason, datetime.now(UTC).date())
    screen.text(f"Deleted {moved.deleted} and wrote {moved.written}. `tidegate render` and the commit of both confirm the deletion.")
    screen.answer(moved)


def attack(
    region: Annotated[str | None, typer.Option(help="Default: every region that runs.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="The tenant that attacks. Default: every tenant.")] = None,
    target: Annotated[str | None, typer.Option("--to", help="The tenant that is attacked. Default: every tenant.")] = None,
    json: Json = False,
) -> None:
    """Attack every tenant from every other's namespace, over every data path, and show what was not as expected."""
    from tidegate.attack.attack import attack as run
    from tidegate.checkout import find_checkout
    from tidegate.embedded import example_models
    from tidegate.embedded.attacked_regions import attacked_regions
    from tidegate.embedded.builds.go_programs import build
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.fleet.machine_view import running_regions
    from tidegate.errors import UsageError

    screen = Screen(json)
    checkout = find_checkout()
    local = open_local(checkout)
    running = sorted(running_regions(local))
    chosen = [region] if region else running
    if not chosen or not set(chosen) <= set(running):
        raise UsageError(f"{region or 'no region'} does not run; `tidegate up` brings the regions up")
    programs = build(checkout, screen.progress, ["kubectl"])
    regions = attacked_regions(local, programs, example_models.train(checkout, screen.progress))
    report = run(local.platform, regions, chosen, screen.progress, source=source, target=target)
    _show(screen, report)
    screen.answer(report)
    if report.wrong:
        raise typer.Exit(1)


def _show(screen: Screen, report: Report) -> None:
    for region in report.regions:
        cells = [cell for cell in report.cells if cell.region == region]
        sources, targets = sorted({cell.source for cell in cells}), sorted({cell.target for cell in cells})
        wrong = sum(not cell.as_expected for cell in cells)
        rows = [
            _row([cell for cell in cells if cell.path == path], sources, targets) for path in dict.fromkeys(cell.path for cell in cells)
        ]
        screen.table(f"{region}: {len(cells)} cells, {wrong} not as expected", ["path", *sources, "refused with", "by"], rows)
        screen.text(f"One sign for each of {', '.join(targets)}: + got through, . refused, ! not as expected, blank not tried.")
    for cell in report.wrong:
        layer, said = f" by {cell.layer}" if cell.layer else "", f" ({cell.detail})" if cell.detail else ""
        who = f"{cell.region}: {cell.source} to {cell.target}, {cell.mode}, {cell.path}"
        screen.text(f"{who}: {cell.seen}{layer}, expected {' or '.join(cell.expected)}{said}")
    for line in report.skipped:
        screen.text(f"skipped: {line}")
    for line in report.simulated:
        screen.text(f"not as in production: {line}")


def _row(cells: list[Cell], sources: list[str], targets: list[str]) -> tuple[str, ...]:
    """A path; all modes of a pair share a sign, and the worst of them shows."""
    signs = [
        "".join(_sign([cell for cell in cells if (cell.source, cell.target) == (source, target)]) for target in targets)
        for source in sources
    ]
    refused = Counter(cell.seen for cell in cells if cell.seen != "200")
    counted = ", ".join(f"{seen}: {count}" for seen, count in sorted(refused.items()))
    return cells[0].path, *signs, counted, ", ".join(sorted({cell.layer for cell in cells if cell.layer}))


def _sign(cells: list[Cell]) -> str:
    if not cells:
        return " "
    if not all(cell.as_expected for cell in cells):
        return "!"
    return "+" if any(cell.seen == "200" for cell in cells) else "."
