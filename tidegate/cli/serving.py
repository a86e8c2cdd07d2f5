"""Commands and tables about what the embedded regions serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen
from tidegate.facts import numerals

if TYPE_CHECKING:
    from tidegate.checkout import Checkout
    from tidegate.embedded.region_status import RegionState
    from tidegate.live.diagnosis import Diagnosis
    from tidegate.live.proxies import ProxyReport
    from tidegate.live.states import ModelState


def predict(
    model: Annotated[str, typer.Argument(help="<tenant>/<name>, such as fraud/scorer.")],
    sample: Annotated[
        bool, typer.Option("--sample", help="Send the sample recorded in training and compare; the default without --data.")
    ] = False,
    region: Annotated[str | None, typer.Option(help="Default: the nearest one whose edge answers.")] = None,
    subject: Annotated[str | None, typer.Option(help="Who calls (the token's `sub`). Default: the tenant's first caller.")] = None,
    version: Annotated[str | None, typer.Option(help="Whose sample. Default: the version in the tenant's file.")] = None,
    data: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A file to send instead; nothing is compared.")] = None,
    json: Json = False,
) -> None:
    """Send a real request through the edge and compare the answer with the trained model's."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded import example_models, prediction
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.errors import UsageError

    screen = Screen(json)
    if sample and data:
        raise UsageError("--sample and --data are two requests; give one")
    checkout = find_checkout()
    content = data.read_bytes() if data else None
    found = prediction.predict(
        open_local(checkout), model, lambda: example_models.train(checkout, screen.progress), region=region, subject=subject, data=content, version=version,
    )  # fmt: skip
    screen.text(f"{model} in {found.region}: {found.status} after {numerals.decimal(found.milliseconds)} ms")
    screen.text(f"  {found.url}")
    screen.text(f"  answer    {prediction.shortened(found.answer)}")
    if found.expected is not None:
        screen.text(f"  expected  {prediction.shortened(found.expected)}")
        screen.text(f"  answered  {prediction.shortened(found.answered)}")
        screen.text(f"  largest difference {found.largest_difference:.2g} (equal within {prediction.TOLERANCE:g})")
    screen.answer(found)


def show_regions(screen: Screen, regions: Sequence[RegionState]) -> None:
    """The embedded regions, what Argo CD applied to them, and the models they serve."""
    screen.table(
        "Regions", ["region", "machine", "API server", "nodes ready", "fake nodes ready", "memory"],
        [
            (
                one.name, "running" if one.running else "stopped", "ready" if one.api_ready else "down", _share(one.nodes.values()),
                _share(one.fake_nodes.values()), f"{one.memory_gib:.2f} GiB",
            )
            for one in regions
        ],
    )  # fmt: skip
    applications = [row for region in regions for row in _application_rows(region)]
    if applications:
        screen.table("Add-ons and tenants", ["application", "region", "sync", "health", "problem"], applications)
    models = [_model_row(one) for region in regions for one in region.models]
    if models:
        columns = ["model", "region", "url", "version", "replicas", "ready", "traffic", "executed", "problem"]
        screen.table("Models", columns, models)
    for region in regions:
        show_proxies(screen, region.name, region.proxies)
    for line in dict.fromkeys(line for region in regions for line in region.time_problems):
        screen.text(line)  # both regions have what the internet machine signs


def show_proxies(screen: Screen, region: str, proxies: ProxyReport) -> None:
    """What proxies of a region refuse; nothing when they have taken all they got."""
    if proxies.rejected:
        rows = [(one.proxy, one.kind, one.reason) for one in proxies.rejected]
        screen.table(f"Refused configuration in {region}: what was before serves on", ["proxy", "refuses", "why"], rows)
        screen.text(f"{region}: {proxies.remedy}")
    if proxies.unknown:
        screen.text(f"{region}: whether proxies refuse their configuration is unknown: {proxies.unknown}")


def refuse_unknown(unreachable: Iterable[str]) -> None:
    """Ends the command with exit code 1 when something that was asked for is unknown. To be called when all that is known is shown."""
    from tidegate.endings import ExitCode

    reasons = [one for one in unreachable if one]
    for reason in reasons:
        Screen().note(f"unknown: {reason}; see `tidegate local ps`, or run `tidegate up`")
    if reasons:
        raise typer.Exit(ExitCode.REFUSED)


def models_of(regions: Sequence[RegionState]) -> list[ModelState]:
    """The `models` of the JSON answer."""
    return [one for region in regions for one in region.models]


def diagnose(screen: Screen, checkout: Checkout, model: str) -> Iterator[tuple[str, Diagnosis]]:
    """The diagnosis of a model in each region that its tenant is in, unknown where that does not run; nothing when none runs."""
    from tidegate.embedded.builds.go_programs import build
    from tidegate.embedded.fleet.bring_up import cluster_of, open_local
    from tidegate.embedded.fleet.machine_view import running_regions
    from tidegate.embedded.fleet.validity import time_problems
    from tidegate.embedded.prediction import find_model
    from tidegate.errors import ToolError
    from tidegate.live.diagnosis import unknown
    from tidegate.live.explanation import explain_live
    from tidegate.live.log_lines import one_line

    local = open_local(checkout)
    tenant, name, _ = find_model(local, model)
    running = running_regions(local)
    if not running:
        return
    stopped = [region for region in local.regions if region not in running]
    programs = build(checkout, screen.progress, ["kubectl"])
    for region in (one for one in (*running, *stopped) if one in tenant.clusters):
        if region in stopped:
            yield region, unknown(f"the machine of {region} does not run", "`tidegate up`")
            continue
        try:
            cluster = cluster_of(local, region, programs)
            yield region, explain_live(cluster, tenant, name).beside(time_problems(local, region, cluster))
        except ToolError as error:  # it answered a moment ago
            yield region, unknown(f"the API server of {region} has gone away: {one_line(error.stderr)}", "`tidegate local ps`")


def show_diagnosis(screen: Screen, region: str, diagnosis: Diagnosis) -> None:
    """The way of a model in a region, and the one cause."""
    screen.table(f"In {region}", ["object", "state", "why"], [(step.object, step.state, step.why) for step in diagnosis.steps])
    screen.text(diagnosis.summary)


def _application_rows(region: RegionState) -> list[tuple[str, str, str, str, str]]:
    if region.unreachable:
        return [("all", region.name, "unknown", "unknown", region.unreachable)]
    return [(one.name, region.name, one.sync, one.health, one.problem) for one in region.applications]


def _model_row(model: ModelState) -> tuple[str, ...]:
    if not model.known:
        return model.name, model.region, model.url, model.shown_version, "", "unknown", "", model.execution, model.problem
    traffic = ", ".join(f"{revision}: {percent} %" for revision, percent in sorted(model.traffic.items()))
    replicas = f"{model.ready_replicas}/{model.replicas}"
    ready = "ready" if model.ready else "not ready"
    if model.restarts:
        # On lines of its own, because the widest columns are the first to be folded.
        ready += f"\nrestarts: {model.restarts}" + ("\nOOMKilled" if model.out_of_memory_at else "")
    return model.name, model.region, model.url, model.shown_version, replicas, ready, traffic, model.execution, model.problem


def _share(ready: Iterable[bool]) -> str:
    counted = list(ready)
    return f"{sum(counted)}/{len(counted)}"
