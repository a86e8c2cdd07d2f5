"""The Git server's repository, as a tenant's engineer uses it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from running_platform import ROOT, Running

from tidegate import tools
from tidegate.operations.local import git_server, network


class Repository:
    """The served repository; a test's commits are undone by another commit at its end."""

    def __init__(self, running: Running) -> None:
        self._machine = running.local.machine(network.INTERNET)
        self._tree = git_server.open_worktree(self._machine)
        self._first: dict[Path, str] = {}

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        file = self._tree / path
        text = file.read_text(encoding="utf-8")
        self._first.setdefault(file, text)
        changed = change(text)
        assert changed != text, f"{path} is not as this test expects it"
        file.write_text(changed, encoding="utf-8")

    def commit(self, subject: str) -> None:
        assert git_server.commit(self._machine, subject), "nothing to commit"

    def revert(self) -> None:
        for file, text in self._first.items():
            file.write_text(text, encoding="utf-8")
        self._first.clear()
        git_server.commit(self._machine, "Undo an end-to-end test")


class Renderer:
    """Renders an inventory as `tidegate up` does for these regions, into the repository that Argo CD follows."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._machine = running.local.machine(network.INTERNET)
        self.tree = git_server.open_worktree(self._machine)

    def render(self, root: Path) -> None:
        command = [
            str(self._running.checkout.python), "-m", "clusters.program", "render", "--root", str(root),
            "--out", str(self.tree / "gitops" / "rendered"), "--embedding", str(self._machine.folder / "embedding.json"),
        ]  # fmt: skip
        tools.run(command, cwd=ROOT)

    def commit(self, subject: str) -> str | None:
        return git_server.commit(self._machine, subject)

    def head(self) -> str:
        return git_server.head(self._machine)


def model_file(region: str, tenant: str, model: str) -> str:
    """Where a region's InferenceService is."""
    return f"gitops/rendered/{region}/{tenant}/inferenceservice-{model}.yaml"


def setting(key: str, value: str) -> Callable[[str], str]:
    """A change of the first line that sets `key`, its indent kept."""
    return lambda text: re.sub(rf"(?m)^(\s*){key}: .*$", rf"\g<1>{key}: {value}", text, count=1)
