"""The `tidegate` command. Each command imports what it needs when it runs, so that the help appears at once."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from types import FrameType
from typing import Annotated

import typer

from tidegate.cli import cloud, image, model, platform, render, serving, tenant
from tidegate.cli.cost import cost
from tidegate.cli.gates.commands import gate
from tidegate.cli.local import local
from tidegate.cli.screen import Screen, open_standard_output
from tidegate.endings import MEANINGS, VERBOSE_VARIABLE, ExitCode, exit_code, expected

app = typer.Typer(
    rich_markup_mode=None,  # plain help appears in half the time
    help="Provision, render, validate and run multi-tenant model serving on Kubernetes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
tenants = typer.Typer(help="Add, remove and attack tenants.", no_args_is_help=True)
state = typer.Typer(help="Create and repair the cloud stacks' state.", no_args_is_help=True)

app.command("doctor")(platform.doctor)
app.command("up")(platform.up)
app.command("down")(platform.down)
app.command("status")(platform.status)
app.command("render")(render.render)
app.command("validate")(render.validate)
app.command("diff")(render.diff)
app.command("predict")(serving.predict)
tenants.command("new")(tenant.new_tenant)
tenants.command("remove")(tenant.remove_tenant)
tenants.command("attack")(tenant.attack)
state.command("create-state-bucket")(cloud.create_state_bucket)
state.command("restore-state")(cloud.restore_state)
state.command("unlock")(cloud.unlock)
app.add_typer(state, name="cloud")
app.add_typer(local, name="local")
app.add_typer(cost, name="cost")
app.add_typer(gate, name="gate")
app.add_typer(tenants, name="tenant")
app.add_typer(model.model, name="model")
app.add_typer(image.image, name="image")


RENAMED: dict[tuple[str, str], tuple[str, Callable[..., None]]] = {
    ("new", "tenant"): ("tenant new", tenant.new_tenant),
    ("explain", "model"): ("model explain", model.explain),
}
"""Spellings of before 2026-12, which the next release no longer takes."""


def _with_its_new_name(old: str, new: str, command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def run(*arguments: object, **options: object) -> None:
        print(f"`{old}` is called `{new}` now", file=sys.stderr)
        command(*arguments, **options)

    return run


for (_group, _verb), (_new, _command) in RENAMED.items():
    _old = typer.Typer(help=f"Called {_new} now.", no_args_is_help=True)
    _old.command(_verb)(_with_its_new_name(f"tidegate {_group} {_verb}", f"tidegate {_new}", _command))
    app.add_typer(_old, name=_group, hidden=True)


@app.callback(epilog=f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}.")
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every command that is run, and show tracebacks.")] = False,
) -> None:
    """Options that hold for every command."""
    if verbose:
        import logging

        os.environ[VERBOSE_VARIABLE] = "1"
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(message)s")
        logging.getLogger("botocore").setLevel(logging.WARNING)
        logging.getLogger("urllib3").setLevel(logging.WARNING)


def main() -> None:
    """Runs the command line; its exit codes are `ExitCode`."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.stdout = open_standard_output()
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - None where the shell closed it; stays open
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        os._exit(code)  # told already; the interpreter would try once more, print a traceback and end with 120
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code; nothing is raised but by a fault in this function."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only is no reason to fail
    os.environ.pop(VERBOSE_VARIABLE, None)  # of an earlier call in this process
    screen = Screen("--json" in arguments)
    try:
        code = _ended(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # as with `head`: whoever read had enough
        return ExitCode.REFUSED
    except KeyboardInterrupt:  # where typer does not see it
        code = ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where what nobody foresaw becomes an exit code
        return _refuse(screen, error)
    if code == ExitCode.INTERRUPTED:
        screen.note("interrupted; run the same command again to continue")
    return code


def _ended(arguments: Sequence[str]) -> int:
    try:
        app(list(arguments))
    except SystemExit as end:  # typer ends every command with one
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return ExitCode.DONE


def _refuse(screen: Screen, error: Exception) -> int:
    shown = expected(error)
    code = exit_code(shown)
    is_verbose = VERBOSE_VARIABLE in os.environ
    if is_verbose:
        screen.note("".join(traceback.format_exception(error)).rstrip())
    with contextlib.suppress(OSError):  # the error may be that nothing can be printed
        screen.refuse(shown)
        sys.stdout.flush()
    if code == ExitCode.UNEXPECTED:
        how = "" if is_verbose else "run it again with `tidegate --verbose` and "
        screen.note(f"this is a fault in Tidegate; {how}report what is printed")
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Being asked to stop ends like Ctrl-C: what runs is asked to stop too, and waited for."""
    raise KeyboardInterrupt
