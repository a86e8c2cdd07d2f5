"""Commands that judge whether a change may merge. Each ends with the exit code of its verdict (`tidegate.gates.verdict`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.gates import candidate, change, evidence, history
from tidegate.cli.gates.golden import golden
from tidegate.cli.gates.scale import scale
from tidegate.cli.gates.scope import scope
from tidegate.cli.options import Json
from tidegate.cli.screen import Screen

gate = typer.Typer(help="Judge whether a change may merge.", no_args_is_help=True)
gate.command("scale", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive, 4 invalid (docs/merge-gates.md).")(scale)
gate.command("golden", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive, 4 invalid (docs/golden-set-gate.md).")(golden)
_TIMEOUT_SECONDS = 3 * 3600
"""Longer than any load profile with what surrounds it; the run itself has limits of its own."""


gate.command("pr", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive or not executed, 4 invalid (docs/merge-gates.md).")(change.pr)
gate.command("start-candidate")(candidate.start_candidate)
gate.command("remove-candidate")(candidate.remove_candidate)
gate.command("show")(evidence.show)
gate.command("verify", epilog="Exit codes: those of the verdicts; 4 for a bundle that proves nothing.")(evidence.verify)
gate.command("scope")(scope)
gate.command("nightly", epilog=history.CODES)(history.nightly)
gate.command("history", epilog=history.CODES)(history.judged)
gate.command("accept")(history.accept)


@gate.command("load", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive, 4 invalid (docs/load-gate.md).")
def load(
    model: Annotated[str, typer.Argument(help="<tenant>/<name>, whose load profile and limits count.")],
    url: Annotated[str, typer.Option(help="Where it answers, without the protocol's path: https://fraud.models.example.com/scorer.")],
    body: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The request to send, as JSON.")],
    token_file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Holds the bearer token.")] = None,
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
        "--recording": recording and recording.absolute(),
    }  # fmt: skip
    arguments = [word for option, value in given.items() if value for word in (option, str(value))] + ["--preferred"] * preferred
    screen.progress("load", f"{model} at {url}, for as long as its load profile says")
    said = tools.run_program(checkout.python, "loadtests", *arguments, cwd=checkout.root, timeout_seconds=_TIMEOUT_SECONDS).stdout
    verdict = TypeAdapter(Verdict).validate_json(said)
    screen.text("\n".join(verdict.lines()))
    screen.answer({"gate": verdict.gate, "outcome": verdict.outcome, "reasons": verdict.reasons, "notes": verdict.notes})
    raise typer.Exit(verdict.outcome.exit_code)
