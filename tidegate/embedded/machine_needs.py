"""What this machine lacks to run regions, found before anything is started. Runs on Python's standard library alone, before any set-up."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import cache_folder
from tidegate.errors import Finding, HostError

_PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "mount": "mount", "sysctl": "procps"}

MEMORY_GIB = 12
"""For two regions. A machine sold with so much shows some percent less, which the kernel took: `_MEMORY_SHARE` of it is enough."""
_MEMORY_SHARE = 0.95

DISK_GIB = 40
"""For the first start: what is built and kept, and Go's caches of downloads and compiled packages beside it."""

DISK_FROM_A_BUNDLE_GIB = 12
"""For a first start from a bundle: the file, what is in it (docs/bundles.md has both sizes), and `DISK_LATER_GIB`; nothing is compiled."""

BUILT_GIB = 4.5
"""A cache that holds so much has, but for a tenth, what one tree builds (5.3 GB), and Go's caches are filled. A start then writes images,
logs and etcd."""
DISK_LATER_GIB = 5

INOTIFY_INSTANCES = 128
"""Of each user: the kernel's own default (fs/notify/inotify), with which both regions come up; nobody tries fewer."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the machine has: bytes, free bytes where the cache is and bytes that it keeps, and inotify instances."""

    memory: int
    disk_free: int
    disk_kept: int
    inotify_instances: int


def lacking(cache: Path | None = None, *, from_bundle: bool = False) -> list[Finding]:
    """One finding for each thing that a region needs to come up; provisioning and rendering need none of it.

    With `from_bundle`, what is built comes from one.
    """
    if platform.system() != "Linux":
        return [_need("system", "regions are made of Linux namespaces", "run it on Linux", platform.system())]
    findings: list[Finding] = []
    if os.geteuid() != 0:
        findings.append(_need("user", "namespaces, mounts and control groups need root", "run it as root", str(os.geteuid())))
    findings += [
        _need(program, "not installed", f"install the package {package}")
        for program, package in _PROGRAMS.items()
        if not tools.find(program)
    ]
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        findings.append(_need("kernel", "no overlay filesystem", "load it: modprobe overlay"))
    if not Path("/sys/fs/cgroup").is_dir():
        findings.append(_need("kernel", "no control groups", "mount them at /sys/fs/cgroup"))
    try:
        place = cache or cache_folder()
    except HostError as error:
        return [*findings, _need("cache", str(error), "correct that")]
    return [*findings, *too_small(measure(place), place, from_bundle=from_bundle)]


def measure(cache: Path, root: Path = Path("/")) -> Amounts:
    """What there is; below `root` are /proc and /sys. What a kernel does not tell counts as enough."""
    plenty = 1 << 60
    there = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    return Amounts(
        memory=min([plenty, *_memory(root)]),
        disk_free=free,
        disk_kept=_kept(cache) if free < DISK_GIB << 30 else 0,
        inotify_instances=int(_word(root / "proc/sys/fs/inotify/max_user_instances") or plenty),
    )


def too_small(has: Amounts, cache: Path, *, from_bundle: bool = False) -> list[Finding]:
    """A finding for each amount that is too small, with its value and what is needed."""
    findings: list[Finding] = []
    if has.memory < MEMORY_GIB * _MEMORY_SHARE * 2**30:
        findings.append(_need("memory", f"two regions need {MEMORY_GIB} GiB", "use a larger machine, or raise its limit", _gib(has.memory)))
    needed = (DISK_FROM_A_BUNDLE_GIB if from_bundle else DISK_GIB) - (has.disk_kept >> 30)
    if has.disk_kept >= BUILT_GIB * 2**30:
        needed = DISK_LATER_GIB
    if has.disk_free < needed << 30:
        remedy = "make room, or name a folder on another disk in XDG_CACHE_HOME"
        findings.append(_need("disk", f"{needed} GiB must be free for {cache}", remedy, f"{_gib(has.disk_free)} free"))
    if has.inotify_instances < INOTIFY_INSTANCES:
        remedy = f"sysctl -w fs.inotify.max_user_instances={INOTIFY_INSTANCES * 4}"
        findings.append(_need("fs.inotify.max_user_instances", f"two regions need {INOTIFY_INSTANCES}", remedy, str(has.inotify_instances)))
    return findings


def notes(root: Path = Path("/")) -> list[str]:
    """What works, and should be known: said, and nothing is refused for it."""
    if (root / "sys/fs/cgroup/cgroup.controllers").is_file() or not (root / "sys/fs/cgroup").is_dir():
        return []
    why = "kubelet runs with them by an exception that Kubernetes will drop"
    return [f"this machine: control groups = version 1: {why}; boot with systemd.unified_cgroup_hierarchy=1 [cgroup-v1]"]


def _need(path: str, problem: str, remedy: str, value: str = "") -> Finding:
    return Finding("this machine", path, "regions-need", problem, remedy, value)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _memory(root: Path) -> Iterator[int]:
    """Bytes of the machine, and what a container may use of them."""
    for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines() if (root / "proc/meminfo").is_file() else ():
        if line.startswith("MemTotal:"):
            yield int(line.split()[1]) * 1024
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):
        if (word := _word(root / "sys/fs/cgroup" / limit)).isdigit():
            yield int(word)


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _kept(cache: Path) -> int:
    """Bytes on the disk; files with several names count once. 26 GiB in 180,000 files take 2 s (2026-11-29)."""
    total, seen = 0, set[int]()
    for at, _, names in os.walk(cache):
        for name in names:
            try:
                found = os.lstat(f"{at}/{name}")
            except OSError:  # it went meanwhile
                continue
            if found.st_nlink == 1 or found.st_ino not in seen:
                total += found.st_blocks * 512
                seen.add(found.st_ino)
    return total
