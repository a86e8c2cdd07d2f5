"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tidegate.tools.files import folder_in_the_making, staged, write_whole


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_file_and_folder_are_made_and_the_second_time_left_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "a/b/file", b"x")
    inode = (tmp_path / "a/b/file").stat().st_ino
    write_whole(tmp_path / "a/b/file", b"x")
    assert ((tmp_path / "a/b/file").read_bytes(), (tmp_path / "a/b/file").stat().st_ino) == (b"x", inode)


def test_full_disk_leaves_everything_as_it_was_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").write_bytes(b"old")
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(tmp_path / "old", b"new")
    assert caught.value.filename == str(tmp_path / "old")
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a/b/new", b"new")
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_nothing_is_put_in_place_when_what_comes_between_fails(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(KeyError), staged({tmp_path / "old": b"new", tmp_path / "b/new": b"new"}):
        raise KeyError
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]


def test_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "aim").write_bytes(b"x")
    (tmp_path / "link").symlink_to("aim")
    write_whole(tmp_path / "link", b"y")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "aim").read_bytes() == b"x"


def test_folder_appears_at_the_end_of_the_block_and_not_at_all_when_it_fails(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "made"
    with pytest.raises(FileNotFoundError), folder_in_the_making(folder) as unfinished:
        (unfinished / "no-such-folder" / "half").touch()
    assert list(folder.parent.iterdir()) == []
    with folder_in_the_making(folder) as unfinished:
        (unfinished / "whole").touch()
        assert not folder.exists()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["cache", "cache/made", "cache/made/whole"]


def test_folder_of_whoever_was_faster_stays(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    with folder_in_the_making(folder) as unfinished:
        (unfinished / "ours").touch()
        folder.mkdir()
        (folder / "theirs").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["made", "made/theirs"]
