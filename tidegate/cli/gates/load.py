"""The command that sends a model its load, wherever it answers, and judges what was measured."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen

_TIMEOUT_SECONDS = 3 * 3600
"""Longer than any load profile with what surrounds it; the run itself has limits of its own."""

TokenFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Holds the bearer token.")]


class Limits(StrEnum):
    """Whose load and limits count."""

    EMBEDDED = "embedded"


def load(
    model: Annotated[str, typer.Argument(help="<tenant>/<name>, whose load profile and limits count.")],
    url: Annotated[str, typer.Option(help="Where it answers, without the protocol's path: https://fraud.models.example.com/scorer.")],
    body: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The request to send, as JSON.")],
    path: Annotated[str, typer.Option(help="Of the request, below --url; by default the one of the model's protocol.")] = "",
    token_file: TokenFile = None,
    baseline_url: Annotated[str, typer.Option(help="Where the version that serves answers, to be asked the same at the same time.")] = "",
    baseline_token_file: TokenFile = None,
    limits: Annotated[
        Limits | None, typer.Option(help="Load and limits of clusters/embedded/profiles.yaml instead of the tenant's.")
    ] = None,
    arrivals: Annotated[str, typer.Option(help="Another schedule than the profile's, as JSON.")] = "",
    processes: Annotated[int, typer.Option(min=1, max=64, help="Of the generator.")] = 2,
    address: Annotated[str, typer.Option(help="host:port to connect to, where no resolver knows the host.")] = "",
    ca_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Certificates to trust instead of the system's.")
    ] = None,
    preferred: Annotated[
        bool,
        typer.Option(
            "--preferred", help="Let the kernel run the generator before all else of this machine, where what is asked runs, too."
        ),
    ] = False,
    recording: Annotated[Path | None, typer.Option(dir_okay=False, help="Where to keep what was measured, as JSON.")] = None,
    json: Json = False,
) -> None:
    """Send a model its load profile, and judge what was measured by its limits."""
    from pydantic import TypeAdapter

    from tidegate import tools
    from tidegate.checkout import find_checkout
    from tidegate.gates.verdict import Verdict

    screen = Screen(json)
    checkout = find_checkout()
    given = {
        "--model": model, "--host": url, "--body": body.absolute(), "--token-file": token_file and token_file.absolute(), "--arrivals": arrivals,
        "--processes": processes, "--address": address, "--ca-file": ca_file and ca_file.absolute(),
        "--recording": recording and recording.absolute(), "--path": path, "--limits": limits,
        "--baseline-host": baseline_url, "--baseline-token-file": baseline_token_file and baseline_token_file.absolute(),
    }  # fmt: skip
    arguments = [word for option, value in given.items() if value for word in (option, str(value))] + ["--preferred"] * preferred
    screen.progress("load", f"{model} at {url}, for as long as its load profile says")
    said = tools.run_program(checkout.python, "loadtests", *arguments, cwd=checkout.root, timeout_seconds=_TIMEOUT_SECONDS).stdout
    verdict = TypeAdapter(Verdict).validate_json(said)
    screen.text("\n".join(verdict.lines()))
    screen.answer({"gate": verdict.gate, "outcome": verdict.outcome, "reasons": verdict.reasons, "notes": verdict.notes})
    raise typer.Exit(verdict.outcome.exit_code)
