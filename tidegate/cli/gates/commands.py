"""Commands that judge whether a change may merge. Each ends with the exit code of its verdict (`tidegate.gates.verdict`)."""

from __future__ import annotations

import typer

from tidegate.cli.gates import candidate, change, evidence, history
from tidegate.cli.gates.golden import golden
from tidegate.cli.gates.load import load
from tidegate.cli.gates.scale import scale
from tidegate.cli.gates.scope import scope

gate = typer.Typer(help="Judge whether a change may merge.", no_args_is_help=True)
gate.command("scale", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive, 4 invalid (docs/merge-gates.md).")(scale)
gate.command("golden", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive, 4 invalid (docs/golden-set-gate.md).")(golden)
gate.command("pr", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive or not executed, 4 invalid (docs/merge-gates.md).")(change.pr)
gate.command("start-candidate")(candidate.start_candidate)
gate.command("remove-candidate")(candidate.remove_candidate)
gate.command("show")(evidence.show)
gate.command("verify", epilog="Exit codes: those of the verdicts; 4 for a bundle that proves nothing.")(evidence.verify)
gate.command("scope")(scope)
gate.command("nightly", epilog=history.CODES)(history.nightly)
gate.command("history", epilog=history.CODES)(history.judged)
gate.command("accept")(history.accept)
gate.command("load", epilog="Exit codes: 0 pass, 1 fail, 3 inconclusive, 4 invalid (docs/load-gate.md).")(load)
