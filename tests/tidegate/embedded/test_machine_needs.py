"""What a machine lacks is said before anything is started, with what it has, what is needed and how to get it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate.embedded import lifecycle, machine_needs
from tidegate.embedded.machine_needs import Amounts, measure, notes, too_small
from tidegate.errors import UsageError

GIB = 2**30
ONE_TREE = 5_300_000_000
"""What one tree builds, in bytes (docs/bundles.md)."""
FIT = Amounts(memory=12 * GIB, disk_free=40 * GIB, disk_kept=0, inotify_instances=128)
CACHE = Path("/cache/tidegate")


@pytest.mark.parametrize(
    ("amounts", "line"),
    [
        (replace(FIT, memory=8 * GIB), "memory = 8.0 GiB: two regions need 12 GiB; use a larger machine, or raise its limit"),
        (replace(FIT, memory=11 * GIB), "memory = 11.0 GiB: two regions need 12 GiB; use a larger machine, or raise its limit"),
        (
            replace(FIT, disk_free=39 * GIB),
            "disk = 39.0 GiB free: 40 GiB must be free for /cache/tidegate; make room, or name a folder on another disk in XDG_CACHE_HOME",
        ),
        (
            replace(FIT, disk_free=20 * GIB, disk_kept=4 * GIB),
            "disk = 20.0 GiB free: 36 GiB must be free for /cache/tidegate; make room, or name a folder on another disk in XDG_CACHE_HOME",
        ),
        (
            replace(FIT, disk_free=4 * GIB, disk_kept=26 * GIB),
            "disk = 4.0 GiB free: 5 GiB must be free for /cache/tidegate; make room, or name a folder on another disk in XDG_CACHE_HOME",
        ),
        (
            replace(FIT, inotify_instances=64),
            "fs.inotify.max_user_instances = 64: two regions need 128; sysctl -w fs.inotify.max_user_instances=512",
        ),
    ],
    ids=["memory", "a-little-less-memory", "disk", "disk-half-built", "disk-built", "inotify"],
)
def test_amount_that_is_too_small_is_a_line(amounts: Amounts, line: str) -> None:
    assert [str(finding) for finding in too_small(amounts, CACHE)] == [f"this machine: {line} [regions-need]"]


@pytest.mark.parametrize(
    "amounts",
    [FIT, replace(FIT, memory=round(11.6 * GIB)), replace(FIT, disk_free=37 * GIB, disk_kept=3 * GIB), replace(FIT, disk_free=5 * GIB, disk_kept=ONE_TREE)],
    ids=["exactly", "kernel-took-some", "half-built", "built"],
)  # fmt: skip
def test_enough_is_enough(amounts: Amounts) -> None:
    assert too_small(amounts, CACHE) == []


def test_start_from_a_bundle_needs_no_room_for_compiling() -> None:
    assert too_small(replace(FIT, disk_free=12 * GIB), CACHE, from_bundle=True) == []
    [finding] = too_small(replace(FIT, disk_free=11 * GIB), CACHE, from_bundle=True)
    assert str(finding).startswith("this machine: disk = 11.0 GiB free: 12 GiB must be free for /cache/tidegate; make room")
    assert too_small(replace(FIT, disk_free=12 * GIB), CACHE)


def test_pages_tell_the_same_amounts() -> None:
    bundles, first = ((ROOT / "docs" / name).read_text() for name in ("bundles.md", "first-start.md"))
    assert f"for {ONE_TREE / 1e9} GB" in bundles
    assert machine_needs.BUILT_GIB * GIB < ONE_TREE < machine_needs.DISK_FROM_A_BUNDLE_GIB * GIB
    amounts = (machine_needs.DISK_GIB, machine_needs.DISK_FROM_A_BUNDLE_GIB, machine_needs.DISK_LATER_GIB)
    assert "{} GiB of disk ({} GiB from a bundle, {} GiB once everything is built)".format(*amounts) in first


def machine(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("limit", ["memory.max", "memory/memory.limit_in_bytes"], ids=["version-2", "version-1"])
def test_limit_of_a_container_counts(tmp_path: Path, limit: str) -> None:
    root = machine(tmp_path, {"proc/meminfo": "MemTotal: 33554432 kB\n", f"sys/fs/cgroup/{limit}": f"{4 * GIB}\n"})
    assert measure(tmp_path, root).memory == 4 * GIB


def test_machine_without_limits_is_counted_whole(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/meminfo": "MemTotal: 33554432 kB\nMemFree: 1 kB\n",
            "sys/fs/cgroup/memory.max": "max\n",
            "proc/sys/fs/inotify/max_user_instances": "8\n",
        },
    )
    found = measure(tmp_path / "absent/cache", root)
    assert (found.memory, found.inotify_instances, found.disk_kept) == (32 * GIB, 8, 0)
    assert found.disk_free > 0


def test_first_version_of_control_groups_is_noted_and_refuses_nothing(tmp_path: Path) -> None:
    root = machine(tmp_path, {"sys/fs/cgroup/memory/cgroup.procs": ""})
    [note] = notes(root)
    assert note.startswith("this machine: control groups = version 1: kubelet runs with them by an exception")
    machine(tmp_path, {"sys/fs/cgroup/cgroup.controllers": "cpu\n"})
    assert notes(root) == []


def test_up_says_the_same_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_needs, "measure", lambda *_: replace(FIT, memory=GIB, inotify_instances=1))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(UsageError) as refused:
        lifecycle.refuse_unfit_machine()
    assert "memory = 1.0 GiB: two regions need 12 GiB" in str(refused.value)
    assert "max_user_instances = 1: two regions need 128" in str(refused.value)


def test_odd_place_of_the_cache_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert any("XDG_CACHE_HOME = relative: not an absolute path" in str(one) for one in machine_needs.lacking())


def doctor(*options: str, path: str = "/usr/bin:/bin", **variables: str) -> tuple[int, str, str]:
    """As `make doctor` runs it, and without the packages of any environment."""
    command = [sys.executable, "-S", "-m", "tidegate.cli.doctor", *options]
    environment = {"PATH": path, "HOME": "/root", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_doctor_needs_nothing_that_set_up_brings(tmp_path: Path) -> None:
    code, _, said = doctor("--without-regions", path=str(tmp_path))
    assert code == 1
    assert "node: not found; install Node.js 20 or newer [tool-missing]\n" in said
    assert "terraform: not found" in said
    assert "Traceback" not in said


def test_doctor_says_everything_beside_a_wrong_mirror(tmp_path: Path) -> None:
    code, shown, said = doctor("--without-regions", path=str(tmp_path), TIDEGATE_PROVIDER_MIRROR=str(tmp_path))
    assert code == 1
    assert "from nowhere" in shown
    assert f"TIDEGATE_PROVIDER_MIRROR = {tmp_path}: no registry.terraform.io in it; point it at a mirror [provider-mirror]\n" in said
    assert "node: not found" in said


def test_doctor_names_its_option() -> None:
    assert doctor("--all")[::2] == (2, "unknown option --all; there are --without-regions, --from-bundle\n")


def planned_by_make(*arguments: str) -> str:
    """What make would run. Without the variables of a make that runs these tests: they make it name the folders that it enters."""
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_doctor_comes_before_set_up() -> None:
    planned = planned_by_make("--always-make", "up")
    assert planned.splitlines()[0] == "python3 -m tidegate.cli.doctor"
    from_bundle = planned_by_make("--always-make", "up", "BUNDLE=x.bundle")
    assert from_bundle.splitlines()[0] == "python3 -m tidegate.cli.doctor --from-bundle"
    of_test = (ROOT / "Makefile").read_text().partition("\ntest: ")[2].splitlines()  # a dry run of it would run what calls make again
    assert of_test[1] == "\t@python3 -m tidegate.cli.doctor --without-regions"
    assert "setup" not in planned_by_make("doctor")


def test_old_python_is_told_before_it_stumbles() -> None:
    code = "import sys; sys.version_info = (3, 9, 2, 'final', 0); sys.argv = ['doctor']; import tidegate.cli.doctor"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "this machine: python3 = 3.9: too old; install Python 3.11 or newer\n")
