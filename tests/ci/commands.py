"""Commands of CI files: which there may be, and whether this tree has them."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

from typer.main import get_command

from tests.root import ROOT
from tidegate.cli.main import app

TIDEGATE = ".venv/bin/tidegate"

PENDING: frozenset[str] = frozenset()
"""Verbs that are still to come; one that is there must not be listed."""


@cache
def targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def problem_of(line: str, *, others: frozenset[str] = frozenset()) -> str:
    """Why `line` may not stand in a CI file; empty when it may. `others` are programs beside make and tidegate."""
    if re.search(r"[;&|`<>\n]|\$\(|\$\{\{", line):
        return "more than one command, or a text that is filled in"
    program, *words = shlex.split(line)
    if program == "make":
        unknown = [word for word in words if word not in targets()]
        return f"no target {unknown[0]}" if unknown else ("" if len(words) == 1 else "one target a step, so that each is seen by itself")
    if program == TIDEGATE:
        return _unknown_word(words)
    return "" if program in others else f"{program} is neither make nor {TIDEGATE}"


def _unknown_word(words: list[str]) -> str:
    command: Any = get_command(app)
    if " ".join(words[:2]) in PENDING and words[1] not in command.commands[words[0]].commands:
        return ""
    for word in words:
        if word.startswith("-"):
            if word not in {option for parameter in command.params for option in parameter.opts}:
                return f"no option {word}"
        elif inner := getattr(command, "commands", None):
            if word not in inner:
                return f"no command {word}"
            command = inner[word]
    return "" if not hasattr(command, "commands") else "a group of commands, not one"


def pending_that_are_there() -> list[str]:
    groups: Any = get_command(app)
    return [verb for verb in sorted(PENDING) if verb.split()[1] in groups.commands[verb.split()[0]].commands]
