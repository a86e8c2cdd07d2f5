"""`tidegate gate golden`: asks a golden set and judges the answers, or judges answers that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.checkout import Checkout
    from tidegate.gates.golden_set.samples import GoldenSamples


def golden(
    model: Annotated[str, typer.Argument(help="<tenant>/<name>, whose golden set and threshold count.")] = "",
    url: Annotated[str, typer.Option(help="Where the candidate answers, without the protocol's path.")] = "",
    baseline_url: Annotated[str, typer.Option(help="Where the version that serves answers.")] = "",
    region: Annotated[str, typer.Option(help="Ask in this embedded region, and find all else there.")] = "",
    baseline: Annotated[str, typer.Option(help="<tenant>/<name> of the version that serves, with --region.")] = "",
    first_version: Annotated[bool, typer.Option("--first-version", help="Nothing serves yet, so nothing is compared.")] = False,
    golden_folder: Annotated[Path | None, typer.Option("--golden", exists=True, file_okay=False, help="The folder of the set.")] = None,
    training_digests: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The digests of the candidate's training rows.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Holds the bearer token.")] = None,
    address: Annotated[str, typer.Option(help="host:port to connect to, where no resolver knows the host.")] = "",
    ca_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Certificates to trust instead of the system's.")
    ] = None,
    samples: Annotated[Path | None, typer.Option(dir_okay=False, help="Where to keep all that the verdict is made of.")] = None,
    judge: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Judge such a file again, and ask nobody.")] = None,
    json: Json = False,
) -> None:
    """Ask a candidate and the version that serves a golden set, and judge what they answer."""
    from tidegate.asking.kept_samples import keep, read_samples
    from tidegate.checkout import find_checkout
    from tidegate.errors import UsageError
    from tidegate.gates.golden_set.judge import judge as verdict_on

    screen = Screen(json)
    if judge:
        if model or url or region:
            raise UsageError("--judge takes everything from its file; leave the model, --url and --region out")
        measured = read_samples(judge)
    elif not model or bool(url) == bool(region):
        raise UsageError("name a model, and either --url or --region; or give --judge")
    elif region:
        if baseline_url or golden_folder or training_digests or token_file or address or ca_file:
            raise UsageError("--region finds the set, the address and the token by itself; leave out what says where they are")
        measured = _in_region(find_checkout(), screen, model, region, baseline, first_version)
    else:
        if not golden_folder or baseline:
            raise UsageError("--url needs --golden; the version that serves is at --baseline-url, --baseline belongs to --region")
        measured = _at_urls(
            find_checkout(), screen, model, url, baseline_url, first_version, golden_folder, training_digests, token_file, address, ca_file
        )
    if samples:
        keep(samples, measured)
    verdict = verdict_on(measured)
    screen.text("\n".join(verdict.lines()))
    screen.answer({"gate": verdict.gate, "outcome": verdict.outcome, "reasons": verdict.reasons, "notes": verdict.notes})
    raise typer.Exit(verdict.outcome.exit_code)


def _in_region(checkout: Checkout, screen: Screen, model: str, region: str, baseline: str, is_first: bool) -> GoldenSamples:
    from tidegate.embedded import example_models
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.judging.golden_set import Served, measure_in_region
    from tidegate.embedded.prediction import find_model

    local = open_local(checkout)
    tenant, name, _ = find_model(local, model)
    serving = Served(*find_model(local, baseline)[:2]) if baseline else None
    models = example_models.train(checkout, screen.progress)
    return measure_in_region(local, models, region, Served(tenant, name), serving, is_first=is_first, on_progress=screen.progress)


def _at_urls(
    checkout: Checkout, screen: Screen, model: str, url: str, baseline_url: str, is_first: bool, folder: Path, training: Path | None,
    token_file: Path | None, address: str, ca_file: Path | None,
) -> GoldenSamples:  # fmt: skip
    from tidegate.asking.callers import HttpCaller
    from tidegate.asking.golden_folder import read_golden
    from tidegate.asking.golden_run import Asked, measure
    from tidegate.errors import UsageError
    from tidegate.facts import inventory

    models = {f"{one.name}/{name}": served for one in inventory.load(checkout.root).tenants.values() for name, served in one.models.items()}
    if model not in models:
        raise UsageError(f"no served model {model!r}; there are {', '.join(sorted(models))}")
    token = token_file.read_text(encoding="ascii").strip() if token_file else ""

    def asked(where: str, version: str) -> Asked:
        return Asked(version, model.rpartition("/")[2], where, HttpCaller(where, token=token, address=address, ca_file=ca_file))

    serving = asked(baseline_url, "the version that serves") if baseline_url else None
    return measure(
        model, models[model], read_golden(folder), asked(url, "the candidate"), serving, is_first=is_first, training=training,
        on_progress=screen.progress,
    )  # fmt: skip
