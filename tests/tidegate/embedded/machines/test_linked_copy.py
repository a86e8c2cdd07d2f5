"""Machines share the files of images and nothing that containerd writes into."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.embedded.machines import linked_copy as module
from tidegate.embedded.machines.linked_copy import linked_copy

DATABASE = "io.containerd.metadata.v1.bolt/meta.db"
FILE = "io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs/usr/bin/python3"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in (DATABASE, FILE):
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    (tmp_path / "unpacked" / FILE).chmod(0o755)
    (tmp_path / "unpacked" / FILE).with_name("python").symlink_to("python3")
    return tmp_path / "unpacked"


def test_files_are_shared_and_databases_are_not(source: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "machines" / "live-1", tmp_path / "machines" / "live-2"
    linked_copy(source, first)
    linked_copy(source, second)
    assert (first / FILE).samefile(second / FILE)
    (first / DATABASE).write_text("changed by live-1")
    assert (second / DATABASE).read_text() == (source / DATABASE).read_text() == DATABASE
    assert (second / FILE).with_name("python").readlink() == Path("python3")


def test_file_deleted_in_one_machine_stays_in_the_other(source: Path, tmp_path: Path) -> None:
    linked_copy(source, tmp_path / "live-1")
    (tmp_path / "live-1" / FILE).unlink()
    linked_copy(source, tmp_path / "live-2")
    assert (tmp_path / "live-2" / FILE).read_text() == FILE


def test_what_a_killed_copy_left_is_not_taken(source: Path, tmp_path: Path) -> None:
    half = tmp_path / ".unfinished-live-1" / "io.containerd.snapshotter.v1.overlayfs"
    half.mkdir(parents=True)
    (half / "stale").write_text("")
    linked_copy(source, tmp_path / "live-1")
    assert not list((tmp_path / "live-1").rglob("stale"))


def test_copy_that_fails_leaves_no_target(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module.shutil, "copy2", fail)
    with pytest.raises(OSError, match="No space left"):
        linked_copy(source, tmp_path / "live-1")
    assert not (tmp_path / "live-1").exists()
