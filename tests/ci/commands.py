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
    for word in words:
        if word.startswith("-"):
            if word not in {option for parameter in command.params for option in parameter.opts}:
                return f"no option {word}"
        elif inner := getattr(command, "commands", None):
            if word not in inner:
                return f"no command {word}"
            command = inner[word]
    return "" if not hasattr(command, "commands") else "a group of commands, not one"
