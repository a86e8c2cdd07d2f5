"""The Git server's repository, as a tenant's engineer uses it."""

from __future__ import annotations

import contextlib
import fcntl
import re
import tarfile
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path

from tests.acceptance.running_platform import PLATFORM, Running
from tests.root import ROOT
from tidegate import tools
from tidegate.embedded.delivery import git_server
from tidegate.embedded.machines import network
from tidegate.manifests.layout import RENDERED, TENANTS, tenant_folder


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
        with one_at_a_time(self._tree):
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
        with one_at_a_time(self._tree):
            for path, text in self._first.items():
                (self._tree / path).write_text(text, encoding="utf-8")
            self._first.clear()
            git_server.commit(self._machine, "Undo an acceptance test")

    def close(self) -> None:
        """Undoes everything and waits until what was touched is live again: the tenant whose folder it is, else the region."""
        self.revert()
        await_live(self._running, {str(Path(path).relative_to(RENDERED)) for path in self._touched})
        self._touched.clear()


class Renderer:
    """Renders an inventory as `tidegate up` does for these regions, in a folder of its own; only what differs is committed.

    So a test may take a tenant away while others commit to the folders of other tenants.
    """

    def __init__(self, running: Running, folder: Path) -> None:
        self._running = running
        self._machine = running.local.machine(network.INTERNET)
        self._tree = git_server.open_worktree(self._machine)
        self._folder, self._rendered = folder, folder / RENDERED
        # As the last bring-up rendered it, without what tests have committed since.
        self._git(
            "archive", f"--output={folder / 'usual.tar'}", self._git("log", "-1", "--format=%H", "--grep=^Render the embedded"), RENDERED
        )
        with tarfile.open(folder / "usual.tar") as archive:
            archive.extractall(folder, filter="data")
        self._usual = self._read()
        self._touched: set[str] = set()

    def render(self, root: Path) -> None:
        """Renders the inventory below `root`. Raises `ToolError` when it is refused."""
        command = [
            str(self._running.checkout.python), "-m", "clusters.program", "render", "--root", str(root),
            "--out", str(self._rendered), "--embedded", str(self._machine.folder / "embedded.json"),
        ]  # fmt: skip
        tools.run(command, cwd=ROOT)

    def commit(self, subject: str) -> str | None:
        """Commits what was rendered, where it is not as usual; None when nothing had changed."""
        now = self._read()
        self._touched |= {path for path in now.keys() | self._usual.keys() if now.get(path) != self._usual.get(path)}
        return self._put(now, subject)

    def take_back(self, subject: str) -> None:
        """Commits what is usual in place of whatever this changed."""
        self._put(self._usual, subject)

    def close(self) -> None:
        """Takes everything back, and waits until what it touched is live again."""
        if self._touched:
            self.take_back("Undo an acceptance test")
            await_live(self._running, self._touched, patience_seconds=420)

    def committed(self, folder: str) -> str:
        """The identity of what Git holds in a folder below the rendered ones."""
        return self._git("rev-parse", f"HEAD:{RENDERED}/{folder}")

    def _put(self, files: Mapping[str, bytes], subject: str) -> str | None:
        with one_at_a_time(self._tree):
            for path in sorted(self._touched):
                target = self._tree / RENDERED / path
                if path in files:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(files[path])
                else:
                    target.unlink(missing_ok=True)
            return git_server.commit(self._machine, subject)

    def _read(self) -> dict[str, bytes]:
        return {str(path.relative_to(self._rendered)): path.read_bytes() for path in self._rendered.rglob("*") if path.is_file()}

    def _git(self, *arguments: str) -> str:
        return tools.run(["git", "-C", str(self._tree), *arguments]).stdout.strip()


def await_live(running: Running, paths: Iterable[str], *, patience_seconds: float = 240) -> None:
    """Waits for the tenant whose folder a path is in, or for the platform; other tests may be at work on other tenants."""
    parts = [Path(path).parts for path in paths]
    for region, tenant in sorted({(region, rest[0] if room == TENANTS else PLATFORM) for region, room, *rest in parts}):
        running.wait_until_live(region, of=tenant, patience_seconds=patience_seconds)


@contextlib.contextmanager
def one_at_a_time(tree: Path) -> Generator[None]:
    """The worktree to oneself: everything in it is in the next commit, whoever wrote it."""
    with tree.with_name("worktree.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def model_file(region: str, tenant: str, model: str) -> str:
    """Where a region's InferenceService is."""
    return f"{RENDERED}/{tenant_folder(region, tenant)}/inferenceservice-{model}.yaml"


def setting(key: str, value: str) -> Callable[[str], str]:
    """A change of the first line that sets `key`, its indent kept."""
    return lambda text: re.sub(rf"(?m)^(\s*){key}: .*$", rf"\g<1>{key}: {value}", text, count=1)
