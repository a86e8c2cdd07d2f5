"""The Git server's repository, as a tenant's engineer uses it."""

from __future__ import annotations

import contextlib
import fcntl
import re
from collections.abc import Callable, Generator
from pathlib import Path

from tests.acceptance.running_platform import Running
from tests.root import ROOT
from tidegate import tools
from tidegate.operations.local import git_server, network


class Repository:
    """The served repository; a test's commits are undone by another commit at its end.

    All tests commit to one worktree, so files are written and committed at once, by one test at a time.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._machine = running.local.machine(network.INTERNET)
        self._tree = git_server.open_worktree(self._machine)
        self._changes: list[tuple[str, Callable[[str], str]]] = []
        self._first: dict[str, str] = {}
        self._touched: set[str] = set()

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        """Changes a file in the next commit."""
        self._changes.append((path, change))

    def commit(self, subject: str) -> None:
        """Commits what was edited."""
        with self._alone():
            for path, change in self._changes:
                text = (self._tree / path).read_text(encoding="utf-8")
                changed = change(text)
                assert changed != text, f"{path} is not as this test expects it"
                self._first.setdefault(path, text)
                self._touched.add(path)
                (self._tree / path).write_text(changed, encoding="utf-8")
            self._changes.clear()
            assert git_server.commit(self._machine, subject), "nothing to commit"

    def revert(self) -> None:
        """Undoes every commit of this test that is not undone yet."""
        self._changes.clear()
        if not self._first:
            return
        with self._alone():
            for path, text in self._first.items():
                (self._tree / path).write_text(text, encoding="utf-8")
            self._first.clear()
            git_server.commit(self._machine, "Undo an acceptance test")

    def close(self) -> None:
        """Undoes everything and waits until the regions that were touched are live again."""
        self.revert()
        for region in sorted({Path(path).parts[2] for path in self._touched}):  # gitops/rendered/<region>/...
            self._running.wait_until_live(region)

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        with self._tree.with_name("worktree.lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


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
