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
from tidegate.errors import ProgramError, StateError, ToolError, ToolMissingError


def synthesise(checkout: Checkout, account: Account, out: Path | None = None, *, state: str = "") -> Synthesis:
    """Writes Terraform JSON for all stacks of an account below `out` (default: the checkout's own folder) and returns the summary.

    `state` is `local` for stacks whose state is to be in files.     Raises `ProgramError` with what `infra` says when it refuses the facts.
    """
    folder = out or checkout.synthesised
    command = [str(checkout.python), "-m", "infra.main"]
    env = {
        **terraform_environment(checkout),
        **account.environment(),
        "CDKTF_OUTDIR": str(folder),
        **({"TIDEGATE_STATE": state} if state else {}),
    }
    try:
        tools.stream(
            command, lambda _line: None, cwd=checkout.root, env=env, without=account.without
        )  # streamed, so that it can be interrupted
    except ToolMissingError:
        raise
    except ToolError as error:
        raise ProgramError(error) from error
    return read(folder)


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
