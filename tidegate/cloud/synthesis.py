"""Runs the `infra` program and reads back which stacks it wrote, in what order, and what each one's input is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import Account
from tidegate.cloud.toolchain import terraform_environment
from tidegate.contracts.stacks import LISTING, StackEntry, Synthesis
from tidegate.errors import Finding, ProgramError, StateError, ToolError, ToolMissingError
from tidegate.tools import waiting
from tidegate.tools.progress import OnProgress

PATIENCE_SECONDS = 600.0
"""All stacks take well below a minute on two cores; what is not done by then hangs."""

SIGN_OF_LIFE_SECONDS = waiting.SIGN_OF_LIFE_SECONDS


def synthesise(
    checkout: Checkout,
    account: Account,
    out: Path | None = None,
    *,
    state: str = "",
    on_progress: OnProgress = lambda _subject, _what: None,
) -> Synthesis:
    """Writes Terraform JSON for all stacks of an account below `out` (default: the checkout's own folder) and returns the summary.

    `state` is `local` for stacks whose state is to be in files. `on_progress` is called every 10 s, from another thread.
    Raises `ProgramError` with what `infra` says when it refuses the facts, and with a finding when it does not end.
    """
    folder = out or checkout.synthesised
    command = [str(checkout.python), "-m", "infra.main"]
    env = {
        **terraform_environment(checkout),
        **account.environment(),
        "CDKTF_OUTDIR": str(folder),
        **({"TIDEGATE_STATE": state} if state else {}),
    }

    def tell(seconds: float, line: str) -> None:
        on_progress("all stacks", f"still synthesising, {seconds:.0f} s{f' ({line})' if line else ''}")

    try:
        with waiting.signs_of_life(tell, SIGN_OF_LIFE_SECONDS) as on_line:
            # Streamed, so that it can be interrupted.
            tools.stream(command, on_line, cwd=checkout.root, env=env, without=account.without, timeout_seconds=PATIENCE_SECONDS)
    except ToolMissingError:
        raise
    except ToolError as error:
        raise ProgramError(_late(error) if error.exit_code == tools.TIMED_OUT else error) from error
    return read(folder)


def _late(error: ToolError) -> ToolError:
    said = " ".join(error.stderr.split("\n", 1)[1:]).strip()[-200:] or "nothing"
    remedy = "look at what it waits for with `tidegate --verbose`, which prints the command, and run it again"
    finding = Finding("infra", "", "synthesis-late", f"synthesis {error.stderr.splitlines()[0]}", remedy, f"it said {said}")
    return ToolError(error.command, error.exit_code, str(finding))


def read(folder: Path) -> Synthesis:
    """The summary in a folder synthesised earlier."""
    try:
        return Synthesis.model_validate_json((folder / LISTING).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise StateError(f"{folder} holds no readable synthesis; run `tidegate up` again") from error


def stack_folder(checkout: Checkout, stack: str) -> Path:
    """Where the Terraform JSON of `stack` is, and where terraform runs."""
    return checkout.synthesised / "stacks" / stack


def input_sha256(checkout: Checkout, stack: StackEntry, outputs_of_dependencies: Mapping[str, str]) -> str:
    """What decides the result of applying `stack`: its own JSON, and the outputs of the stacks it reads.

    `outputs_of_dependencies` maps a stack's name to the digest of its outputs.
    """
    digest = hashlib.sha256((stack_folder(checkout, stack.name) / "cdk.tf.json").read_bytes())
    for name in sorted(stack.depends_on):
        digest.update(f"\n{name} {outputs_of_dependencies.get(name, '')}".encode())
    return digest.hexdigest()
