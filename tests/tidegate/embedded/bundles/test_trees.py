"""A folder comes out of an archive as it went in, and nothing in an archive reaches out of its folder."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from tidegate.embedded.bundles import trees
from tidegate.errors import BundleError


def packed(folder: Path, *, keep_owners: bool = True) -> bytes:
    written = io.BytesIO()
    trees.pack(folder, written, keep_owners=keep_owners)
    return written.getvalue()


def unpack(archive: bytes, folder: Path) -> Path:
    trees.unpack(io.BytesIO(archive), folder, keep_owners=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a root filesystem has: set-uid programs, links in and out, hard links, closed folders, old files."""
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/su").write_text("program")
    (root / "usr/bin/su").chmod(0o4755)
    (root / "usr/bin/again").hardlink_to(root / "usr/bin/su")
    (root / "bin").symlink_to("usr/bin")
    (root / "outside").symlink_to("/etc")
    (root / "ümläut").write_text("")
    (root / "shut").mkdir()
    (root / "shut" / "inside").write_text("kept")
    os.utime(root / "shut" / "inside", (1_000_000_000, 1_000_000_000))
    (root / "shut").chmod(0o555)
    return root


def test_folder_comes_out_as_it_went_in(folder: Path, tmp_path: Path) -> None:
    there = unpack(packed(folder), tmp_path / "there")
    for path in (folder, *sorted(folder.rglob("*"))):
        mine, theirs = path.lstat(), (there / path.relative_to(folder)).lstat()
        assert (mine.st_mode, mine.st_uid, mine.st_gid, int(mine.st_mtime)) == (
            theirs.st_mode,
            theirs.st_uid,
            theirs.st_gid,
            theirs.st_mtime,
        )
    assert (there / "shut/inside").read_text() == "kept"
    assert str((there / "outside").readlink()) == "/etc"
    assert (there / "usr/bin/su").stat().st_ino == (there / "usr/bin/again").stat().st_ino
    assert packed(there) == packed(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owners_and_devices_are_kept_where_asked_for(folder: Path, tmp_path: Path) -> None:
    os.chown(folder / "usr/bin/su", 7, 8)
    (folder / "usr/bin/su").chmod(0o4755)
    os.mknod(folder / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    kept = (unpack(packed(folder), tmp_path / "kept") / "usr/bin/su").stat()
    assert (kept.st_uid, kept.st_gid, stat.S_IMODE(kept.st_mode)) == (7, 8, 0o4755)
    assert (tmp_path / "kept/null").stat().st_rdev == os.makedev(1, 3)
    lost = (unpack(packed(folder, keep_owners=False), tmp_path / "lost") / "usr/bin/su").stat()
    assert (lost.st_uid, lost.st_gid) == (0, 0)


def test_what_an_archive_cannot_keep_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(BundleError, match=r"/pipe is neither file, folder, link nor character device"):
        packed(folder)
    (folder / "pipe").unlink()
    try:
        os.setxattr(folder / "shut/inside", "user.mark", b"1")
    except OSError:
        pytest.skip("this filesystem has no extended attributes")
    with pytest.raises(BundleError, match=r"/shut/inside has the extended attribute user\.mark, which a bundle does not keep"):
        packed(folder)


def archive(*members: tuple[str, bytes, str]) -> bytes:
    """An archive of (path, type, target)."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as opened:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            opened.addfile(member)
    return written.getvalue()


TOP, FILE = (".", tarfile.DIRTYPE, ""), tarfile.REGTYPE


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([TOP, ("../escaped", FILE, "")], r"has the path \.\./escaped, which leads out of its folder"),
        ([TOP, ("a/../../escaped", FILE, "")], r"has the path a/\.\./\.\./escaped, which leads out of its folder"),
        ([TOP, ("/escaped", FILE, "")], r"has the path /escaped, which leads out of its folder"),
        ([TOP, ("out", tarfile.SYMTYPE, ".."), ("out/escaped", FILE, "")], r"has out/escaped in what is no folder of it, such as a link"),
        ([TOP, ("a", tarfile.DIRTYPE, ""), ("a", tarfile.SYMTYPE, ".."), ("a/escaped", FILE, "")], r"has a twice"),
        ([TOP, ("out", tarfile.SYMTYPE, "../escaped"), ("out", FILE, "")], r"has out twice"),
        ([TOP, ("out", tarfile.LNKTYPE, "../kept")], r"links out to \.\./kept, which is no file of it"),
        ([TOP, ("out", tarfile.SYMTYPE, "../kept"), ("again", tarfile.LNKTYPE, "out")], r"links again to out, which is no file of it"),
        ([TOP, ("pipe", tarfile.FIFOTYPE, "")], r"has pipe, which is neither file, folder, link nor character device"),
        ([TOP, ("disk", tarfile.BLKTYPE, "")], r"has disk, which is neither file, folder, link nor character device"),
        ([("first", FILE, "")], r"has first in what is no folder of it"),
    ],
    ids=[
        "dots", "dots further in", "absolute", "through a link", "folder made a link", "file over a link", "hard link out", "hard link to a link",
        "pipe", "disk", "no folder",
    ],
)  # fmt: skip
def test_what_leads_out_is_refused(tmp_path: Path, members: list[tuple[str, bytes, str]], said: str) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(BundleError, match=said):
        unpack(archive(*members), tmp_path / "there")
    assert not (tmp_path / "escaped").exists()
    assert (tmp_path / "kept").stat().st_nlink == 1


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"the archive of there in the bundle cannot be read: "):
        unpack(b"x" * 1024, tmp_path / "there")
