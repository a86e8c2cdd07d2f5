"""Control groups: one branch per machine, so that everything it runs is counted, bounded and found again.

Both kinds are handled: one tree per controller (version 1) and the single tree (version 2). A machine's own programs
live in `node` and its pods below `pods`, because version 2 allows no processes in a group that has children.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def group(instance: str, machine: str = "") -> str:
    """The group of an instance or of one of its machines, as a path below each controller's root."""
    return f"/tidegate-{instance}/{machine}".rstrip("/")


def _trees() -> list[Path]:
    """The root of each hierarchy we use."""
    if (_ROOT / "cgroup.controllers").is_file():
        return [_ROOT]
    return sorted(path for path in _ROOT.iterdir() if (path / "cgroup.procs").is_file() and not path.is_symlink())


def create(instance: str, machine: str) -> None:
    """Makes the groups of a machine in every hierarchy, without the pods' groups of an earlier run.

    The machine must not run. Kubelet would ask containerd for each of those, seconds for each, before it starts a pod.
    """
    for tree in _trees():
        folder = tree
        for part in [*group(instance, machine).strip("/").split("/"), ""]:
            _open_for_children(folder)
            folder = folder / part
            folder.mkdir(exist_ok=True)
        _empty(folder / "pods")
        for leaf in ("node", "pods"):
            (folder / leaf).mkdir(exist_ok=True)
            _inherit_cpuset(folder / leaf)


def _open_for_children(folder: Path) -> None:
    """What a parent must have set before its children can be used."""
    switch = folder / "cgroup.subtree_control"
    if switch.is_file():
        available = (folder / "cgroup.controllers").read_text(encoding="ascii").split()
        for controller in available:
            with contextlib.suppress(OSError):  # some are bound elsewhere; kubelet says which ones it misses
                switch.write_text(f"+{controller}", encoding="ascii")
    _inherit_cpuset(folder)


def _inherit_cpuset(folder: Path) -> None:
    """A version 1 cpuset starts empty and admits nobody until it is filled."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file, parent = folder / name, folder.parent / name
        if file.is_file() and parent.is_file() and not file.read_text(encoding="ascii").strip():
            file.write_text(parent.read_text(encoding="ascii"), encoding="ascii")


def memory_bytes(instance: str, machine: str) -> int:
    """Memory a machine holds, page cache that can be dropped left out; 0 when it does not run."""
    for tree in _trees():
        folder = tree / group(instance, machine).lstrip("/")
        stat = folder / "memory.stat"
        if not stat.is_file():
            continue
        fields = dict(line.split() for line in stat.read_text(encoding="ascii").splitlines())
        if "total_rss" in fields:
            return int(fields["total_rss"]) + int(fields.get("total_shmem", 0))
        return int(fields["anon"]) + int(fields.get("shmem", 0))
    return 0


def cpu_seconds(instance: str, machine: str) -> float:
    """CPU time a machine has used since it was started, in seconds."""
    for tree in _trees():
        folder = tree / group(instance, machine).lstrip("/")
        if (folder / "cpuacct.usage").is_file():
            return int((folder / "cpuacct.usage").read_text(encoding="ascii")) / 1e9
        if (folder / "cpu.stat").is_file() and (line := (folder / "cpu.stat").read_text(encoding="ascii").split("\n", 1)[0]).startswith(
            "usage_usec"
        ):
            return int(line.split()[1]) / 1e6
    return 0.0


def processes(instance: str, machine: str) -> list[int]:
    """Pids of everything that runs in a machine's groups now, pods included."""
    found: set[int] = set()
    for tree in _trees():
        folder = tree / group(instance, machine).lstrip("/")
        for members in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):  # a group that goes away while we look has nobody in it
                found.update(map(int, members.read_text(encoding="ascii").split()))
    return sorted(found)


def remove(instance: str, *, patience_seconds: float = 10) -> None:
    """Removes every group of the instance; their processes must be gone, the kernel may need a moment to forget them."""
    deadline = time.monotonic() + patience_seconds
    while left := present(instance):
        for tree in left:
            _empty(tree)
            with contextlib.suppress(OSError):
                tree.rmdir()
        if time.monotonic() > deadline:
            return
        if present(instance):
            time.sleep(0.1)


def _empty(group_folder: Path) -> None:
    """Removes every group below one, as far as no process is in it."""
    for folder in sorted(group_folder.rglob("*/"), key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):
            folder.rmdir()


def present(instance: str) -> list[Path]:
    """Where groups of the instance still are."""
    return [folder for tree in _trees() if (folder := tree / group(instance).lstrip("/")).is_dir()]
