"""Commands about the platform as a whole: what this machine lacks, up, down and status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import BundleKey, Json, Wait, at_work
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.checkout import Checkout
    from tidegate.contracts.stacks import LeftOut


def doctor(
    json: Json = False,
    without_regions: Annotated[bool, typer.Option("--without-regions", help="Only what provisioning and rendering need.")] = False,
    from_bundle: Annotated[bool, typer.Option("--from-bundle", help="What a start from a bundle needs, which compiles nothing.")] = False,
) -> None:
    """Show what this machine lacks, and how to get it."""
    from tidegate.checkout import find_checkout
    from tidegate.cli.doctor import examine, rows_of
    from tidegate.cloud import toolchain
    from tidegate.errors import DoctorError

    screen = Screen(json)
    checkout = find_checkout()
    found, findings, notes = examine(with_regions=not without_regions, from_bundle=from_bundle)
    findings += toolchain.missing_environments(checkout)
    screen.table("Tools", ["tool", "version", "state"], rows_of(found))
    for note in notes:
        screen.text(f"note: {note}")
    if findings:
        raise DoctorError(findings)
    screen.text("Nothing is missing.")
    mirror = toolchain.find_provider_mirror()
    screen.answer({"tools": found, "provider_mirror": mirror is not None, "notes": notes, "findings": []})


def up(
    json: Json = False,
    without_regions: Annotated[
        bool, typer.Option("--without-regions", help="Provision and render only: needs neither Linux nor root.")
    ] = False,
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", metavar="FILE|URL", help="Take from this bundle what would be built; a file or an https:// address."),
    ] = None,
    bundle_key: BundleKey = None,
    wait: Wait = False,
) -> None:
    """Bring the embedded platform up: emulated cloud, both regions with all add-ons, and the tenants' models answering."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded import lifecycle
    from tidegate.errors import UsageError

    screen = Screen(json)
    checkout = find_checkout()
    if without_regions and bundle:
        raise UsageError("--without-regions builds nothing that a bundle has; leave one of the two out")
    if bundle_key and not bundle:
        raise UsageError("--bundle-key says whose bundle to trust; name the bundle with --bundle")
    if not without_regions:
        for note in lifecycle.refuse_unfit_machine(from_bundle=bool(bundle)):
            screen.progress("note", note)
    with at_work(screen, checkout, "up", wait):
        if bundle:
            _take_bundle(screen, checkout, bundle, bundle_key)
        both = lifecycle.bring_up(checkout, screen.progress, with_regions=not without_regions)
    cloud, regions = both.cloud, both.regions
    deployment = cloud.deployment
    screen.table(
        "Stacks", ["stack", "action", "seconds", "resources", "changed"],
        [(one.name, one.action.value, f"{one.seconds:.0f}", one.resources, one.changed) for one in deployment.stacks],
    )  # fmt: skip
    rows = [(stack, name, _short(value)) for stack, outputs in deployment.outputs.items() for name, value in outputs.items()]
    screen.table("Outputs", ["stack", "output", "value"], rows)
    show_left_out(screen, deployment.not_applied_locally)
    screen.text(
        f"Cloud: {deployment.resources} resources in {len(deployment.stacks)} stacks, {cloud.listed} listed by the account's API, "
        f"{deployment.seconds:.0f} s."
    )
    for orphan in cloud.held_by_none:
        screen.text(f"In the account, but in no state: {orphan}; import or delete it.")
    if regions:
        from tidegate.cli.serving import show_regions

        show_regions(screen, list(regions.regions))
        screen.table("Phases", ["phase", "seconds"], list(regions.phases.items()))
    for line in lifecycle.real_and_simulated(with_regions=regions is not None):
        screen.text(line)
    screen.answer({
        "regions": regions,
        "cloud": {
            "endpoint": cloud.endpoint, "resources": deployment.resources, "listed": cloud.listed, "held_by_none": cloud.held_by_none,
            "seconds": round(deployment.seconds, 1),
            "stacks": deployment.stacks, "outputs": deployment.outputs, "not_applied_locally": deployment.not_applied_locally,
        },
        "rendered": both.production.rendered,
        "real": lifecycle.REAL + (lifecycle.REAL_IN_REGIONS if regions else ()),
        "simulated": lifecycle.SIMULATED + (lifecycle.SIMULATED_IN_REGIONS if regions else ()),
    })  # fmt: skip


def down(json: Json = False, wait: Wait = False) -> None:
    """Take the embedded platform down and prove that nothing is left."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.lifecycle import take_down

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, "down", wait):
        result = take_down(checkout, screen.progress)
    if result is None:
        screen.text("The platform was down already.")
    else:
        screen.text(f"Destroyed {result.destroyed} resources in {result.seconds:.0f} s; the account lists nothing any more.")
    screen.answer({"destroyed": result.destroyed if result else 0, "left_over": []})


def status(json: Json = False) -> None:
    """Show what runs: the cloud, the regions, what Argo CD applied, the models."""
    from tidegate.checkout import find_checkout
    from tidegate.cli.serving import models_of, refuse_unknown, show_regions
    from tidegate.embedded.cloud_status import read_status
    from tidegate.embedded.regions import read_running_regions

    screen = Screen(json)
    checkout = find_checkout()
    found = read_status(checkout)
    regions = read_running_regions(checkout)
    where = found.cloud.endpoint or "down"
    screen.text(f"Cloud: {where}, {found.cloud.resources} resources (simulated: AWS by moto)")
    screen.table("Stacks", ["stack", "resources"], list(found.cloud.by_stack.items()))
    show_left_out(screen, found.cloud.not_applied_locally)
    screen.table("Rendered objects", ["cluster", "objects"], list(found.rendered_objects.items()))
    if regions:
        show_regions(screen, regions)
    else:
        screen.text("Regions: down")
    screen.answer({"cloud": found.cloud, "rendered_objects": found.rendered_objects, "regions": regions, "models": models_of(regions)})
    refuse_unknown(region.unreachable for region in regions)


def show_left_out(screen: Screen, left_out: tuple[LeftOut, ...]) -> None:
    """What the emulator cannot take: said every time, so that nobody thinks it proved."""
    grouped: dict[tuple[str, str, str], int] = {}
    for one in left_out:
        key = (one.stack, one.type, one.reason)
        grouped[key] = grouped.get(key, 0) + 1
    if grouped:
        rows = [(stack, kind, count, reason) for (stack, kind, reason), count in sorted(grouped.items())]
        screen.table("Not applied locally (checked by terraform validate only)", ["stack", "type", "count", "reason"], rows)


def _take_bundle(screen: Screen, checkout: Checkout, bundle: str, bundle_key: Path | None) -> None:
    from tidegate.cli.bundle import summary
    from tidegate.embedded.bundles.import_bundle import import_bundle

    for line in summary(import_bundle(checkout, bundle, bundle_key, screen.progress)):
        screen.progress("bundle", line)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 110 else f"{text[:107]}..."
