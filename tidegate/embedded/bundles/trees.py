"""Folders as archives: written in one order always, unpacked without ever following a link.

Ours and not `tarfile.extractall`: its filters take set-uid bits and owners away, which a root filesystem needs, and without a
filter it writes through links.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from tidegate.errors import BundleError


class ByteSink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Takes `data`, all of it."""
        ...


class ByteSource(Protocol):
    """Gives bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


def pack(folder: Path, sink: ByteSink, *, keep_owners: bool) -> None:
    """Writes everything in `folder` as a tar archive; without `keep_owners` all of it is nobody's in particular.

    Raises `BundleError` for what an archive cannot keep: sockets, pipes, block devices and extended attributes.
    """
    first_links: dict[tuple[int, int], str] = {}
    with tarfile.open(fileobj=cast("IO[bytes]", sink), mode="w|", format=tarfile.PAX_FORMAT) as archive:  # writing is all it asks for
        for path in _walk(folder):
            described = _described(path, path.relative_to(folder).as_posix(), first_links)
            if not keep_owners:
                described.uid = described.gid = 0
            if described.isreg():
                with path.open("rb") as file:
                    archive.addfile(described, file)
            else:
                archive.addfile(described)


def unpack(source: ByteSource, folder: Path, *, keep_owners: bool) -> None:
    """Makes `folder`, which must not exist, from an archive that `pack` wrote.

    Every file goes into a folder that this archive itself has made before, so no link can lead one out. Raises `BundleError`
    for everything else.
    """
    folders: dict[str, tarfile.TarInfo] = {}
    files: set[str] = set()
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|") as archive:  # reading is all it asks for
            for member in archive:
                _refuse_stray(member, folders, files)
                path = folder / member.name
                _make(archive, member, path, folder)
                if member.isdir():
                    folders[member.name] = member
                    path.chmod(0o700)  # until everything is in it
                    continue
                if member.isreg():
                    files.add(member.name)
                if not member.islnk():
                    _finish(path, member, keep_owners=keep_owners)
        for name, member in reversed(folders.items()):
            _finish(folder / name, member, keep_owners=keep_owners)
    except tarfile.TarError as error:
        raise BundleError(f"the archive of {folder.name} in the bundle cannot be read: {error}") from error
    except PermissionError as error:
        raise BundleError(f"{error.filename}: its owner cannot be set; run it as root, as regions need anyway") from error


def _walk(folder: Path) -> Iterator[Path]:
    yield folder
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _described(path: Path, name: str, first_links: dict[tuple[int, int], str]) -> tarfile.TarInfo:
    status = path.lstat()
    described = tarfile.TarInfo(name)
    described.mode, described.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    described.uid, described.gid = status.st_uid, status.st_gid
    if attributes := os.listxattr(path, follow_symlinks=False):
        raise BundleError(
            f"{path} has the extended attribute {attributes[0]}, which a bundle does not keep; take it away: setfattr --remove"
        )
    if stat.S_ISDIR(status.st_mode):
        described.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(status.st_mode):
        described.type, described.linkname = tarfile.SYMTYPE, str(path.readlink())
    elif stat.S_ISCHR(status.st_mode):
        described.type = tarfile.CHRTYPE
        described.devmajor, described.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    elif not stat.S_ISREG(status.st_mode):
        raise BundleError(f"{path} is neither file, folder, link nor character device, and a bundle keeps nothing else; delete it")
    elif first := first_links.get((status.st_dev, status.st_ino)):
        described.type, described.linkname = tarfile.LNKTYPE, first
    else:
        described.size = status.st_size
        first_links[status.st_dev, status.st_ino] = name
    return described


def _refuse_stray(member: tarfile.TarInfo, folders: dict[str, tarfile.TarInfo], files: set[str]) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise BundleError(f"an archive in the bundle has the path {member.name}, which leads out of its folder")
    if member.name == "." and not folders and member.isdir():
        return
    if str(path.parent) not in folders:
        raise BundleError(f"an archive in the bundle has {member.name} in what is no folder of it, such as a link that leads out")
    if member.islnk() and member.linkname not in files:
        raise BundleError(f"an archive in the bundle links {member.name} to {member.linkname}, which is no file of it")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk() or member.ischr()):
        raise BundleError(f"an archive in the bundle has {member.name}, which is neither file, folder, link nor character device")


def _make(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, folder: Path) -> None:
    try:
        if member.isdir():
            path.mkdir()
        elif member.issym():
            path.symlink_to(member.linkname)
        elif member.islnk():
            path.hardlink_to(folder / member.linkname)
        elif member.ischr():
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(member.devmajor, member.devminor))
        else:
            with path.open("xb") as file:
                _copy(archive, member, file)
    except FileExistsError as error:
        raise BundleError(f"an archive in the bundle has {member.name} twice") from error


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, file: IO[bytes]) -> None:
    content = archive.extractfile(member)
    if content is not None:
        shutil.copyfileobj(content, file, 1 << 20)


def _finish(path: Path, member: tarfile.TarInfo, *, keep_owners: bool) -> None:
    """Owner first: setting it takes set-uid bits away."""
    status = path.lstat()
    if keep_owners and (status.st_uid, status.st_gid) != (member.uid, member.gid):
        os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        path.chmod(member.mode)
    os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)
