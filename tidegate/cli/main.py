"""The `tidegate` command. Each command imports what it needs when it runs, so that the help appears at once."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer

from tidegate.cli import cloud, model, platform, render, serving, tenant
from tidegate.cli.cost import cost
from tidegate.cli.local import local
from tidegate.cli.screen import Screen
from tidegate.errors import TidegateError, UsageError

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
app.add_typer(tenants, name="tenant")
app.add_typer(model.model, name="model")


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


@app.callback()
def options(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every command that is run.")] = False) -> None:
    """Options that hold for every command."""
    if verbose:
        import logging

        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(message)s")
        logging.getLogger("botocore").setLevel(logging.WARNING)
        logging.getLogger("urllib3").setLevel(logging.WARNING)


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except TidegateError as error:
        Screen("--json" in sys.argv).refuse(error)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # typer's answer to Ctrl-C
            print("interrupted; run the same command again to continue", file=sys.stderr)
        raise


_INTERRUPTED = 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Being asked to stop ends like Ctrl-C: what runs is asked to stop too, and waited for."""
    raise KeyboardInterrupt
