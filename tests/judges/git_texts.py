"""Everything that Git holds, as texts to look through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.root import ROOT
from tidegate import tools


def tracked() -> Iterator[tuple[str, str]]:
    names = tools.run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).stdout.split("\0")
    for name in names:
        path = ROOT / name
        if name and path.is_file():
            yield name, path.read_text(encoding="utf-8", errors="replace")


def history(repository: Path) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(repository), "log", "--patch", "--all", "--no-color", "--text"]
    return tools.run(command, timeout_seconds=120).stdout
