"""`tidegate gate scale`: judges whether the capacity of a version follows demand, or judges samples that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen


def scale(
    model: Annotated[str, typer.Argument(help="<tenant>/<name>, whose embedded profile counts.")] = "",
    version: Annotated[str, typer.Option(help="Of the region's model registry, such as 2.")] = "",
    region: Annotated[str, typer.Option(help="The running embedded region to bring the version up in.")] = "live-1",
    max_replicas: Annotated[
        int | None, typer.Option(min=1, max=10, help="Another ceiling than the profile's, to see what it does.")
    ] = None,
    samples: Annotated[Path | None, typer.Option(dir_okay=False, help="Where to keep all that the verdict is made of.")] = None,
    judge: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Judge such a file again, and ask nobody.")] = None,
    json: Json = False,
) -> None:
    """Bring a version up beside the one that serves, let the rate rise in steps, and judge how fast replicas follow."""
    from pydantic import ValidationError

    from tidegate.checkout import find_checkout
    from tidegate.embedded.judging.scale import measure_version
    from tidegate.errors import UsageError
    from tidegate.gates.scale.judge import judge as verdict_on
    from tidegate.gates.scale.samples import ScaleSamples

    screen = Screen(json)
    if judge:
        if model or version or max_replicas:
            raise UsageError("--judge takes everything from its file; leave the model, --version and --max-replicas out")
        try:
            measured = ScaleSamples.model_validate_json(judge.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UsageError(f"{judge}: {'.'.join(map(str, first['loc'])) or 'whole'}: {first['msg']}; measure it again") from error
    elif not model or not version:
        raise UsageError("name a model and --version, or give --judge")
    else:
        measured = measure_version(find_checkout(), model, version, region, screen.progress, max_replicas=max_replicas)
    if samples:
        samples.write_text(measured.model_dump_json(), encoding="utf-8")
    verdict = verdict_on(measured)
    screen.text("\n".join(verdict.lines()))
    screen.answer({"gate": verdict.gate, "outcome": verdict.outcome, "reasons": verdict.reasons, "notes": verdict.notes})
    raise typer.Exit(verdict.outcome.exit_code)
