"""`make verify` runs this: actionlint and zizmor on the workflows, both without the network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.root import ROOT
from tidegate import tools
from tidegate.embedded.builds import go_programs
from tidegate.errors import ToolError

WORKFLOWS = ROOT / ".github" / "workflows"
PINS = ROOT / "locks" / "actionlint"
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"


def actionlint(files: Sequence[Path]) -> None:
    """Syntax, expressions, names of jobs and labels. Raises `ToolError` with the findings."""
    program = go_programs.build_tool(PINS, PACKAGE, lambda name, what: tell(f"{name}: {what}"))
    # Without shellcheck and pyflakes, which it would run where a machine happens to have them.
    options = ("-config-file", str(ROOT / ".github" / "actionlint.yaml"), "-shellcheck=", "-pyflakes=", "-no-color")
    _run(str(program), *options, *map(str, files))


def zizmor(files: Sequence[Path]) -> None:
    """Security: permissions, pins, injection, what a fork could do. Raises `ToolError` with the findings."""
    options = ("--offline", "--no-config", "--no-progress", "--quiet", "--color=never", "--persona=pedantic", "--strict-collection")
    _run(str(ROOT / ".venv" / "bin" / "zizmor"), *options, *map(str, files))


def _run(*command: str) -> None:
    """With both streams in the error: findings are on standard output, warnings on the other."""
    tools.stream(command, lambda _line: None)


LINTERS: dict[str, Callable[[Sequence[Path]], None]] = {"actionlint": actionlint, "zizmor": zizmor}


def tell(line: str) -> None:
    """On stderr, as everything about progress."""
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """All that both find, and 1 when that is anything."""
    files = sorted(WORKFLOWS.glob("*.yml"))
    code = 0
    for name, lint in LINTERS.items():
        try:
            lint(files)
        except ToolError as error:
            tell(f"{name}: {error}")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
