"""The files below a folder: looked at without following anything, read once, and only while nobody changes them."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .refusal import Refusal, shown

FILES_MAX = 100_000
DEPTH_MAX = 32
_NAME_MAX = 1024
_BLOCK_BYTES = 1 << 20
_KINDS = {
    stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
_FORBIDDEN_BITS = {stat.S_ISUID: "set-user-ID", stat.S_ISGID: "set-group-ID", stat.S_ISVTX: "sticky", stat.S_IWOTH: "writable by everybody"}


@dataclass(frozen=True, slots=True)
class FileState:
    """What identifies a file's content without reading it; two looks that differ mean that somebody wrote."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """From what the kernel says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def look(folder: Path) -> dict[str, FileState]:
    """Every file below `folder` by its relative path; refuses whatever is no plain file of a plain name in a folder that holds one."""
    if not stat.S_ISDIR(_status(folder, ".").st_mode):
        raise Refusal("the model is no folder")
    found: dict[str, FileState] = {}
    _look(folder, "", found, depth=0)
    refuse_clashes(found)
    return found


def _look(folder: Path, prefix: str, found: dict[str, FileState], depth: int) -> None:
    if depth > DEPTH_MAX:
        raise Refusal(f"folders are nested more than {DEPTH_MAX} deep")
    try:
        entries = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise Refusal(f"{shown(prefix or '.')} cannot be looked at: {error.strerror}") from error
    if not entries:
        raise Refusal(f"the folder {shown(prefix.rstrip('/') or '.')} is empty")
    for entry in entries:
        name = f"{prefix}{entry}"
        refuse_name(name)
        status = _status(folder / entry, name)
        if stat.S_ISDIR(status.st_mode):
            if status.st_mode & stat.S_IWOTH:
                raise Refusal(f"the folder {shown(name)} is writable by everybody")
            _look(folder / entry, f"{name}/", found, depth + 1)
            continue
        _refuse_kind(name, status)
        if len(found) >= FILES_MAX:
            raise Refusal(f"the model has more than {FILES_MAX} files")
        found[name] = FileState.of(status)


def _status(path: Path, name: str) -> os.stat_result:
    try:
        return os.lstat(path)
    except OSError as error:
        raise Refusal(f"{shown(name)} cannot be looked at: {error.strerror}") from error


def _refuse_kind(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refusal(f"{shown(name)} is {_KINDS.get(stat.S_IFMT(status.st_mode), 'no plain file')}")
    if status.st_nlink != 1:
        raise Refusal(f"{shown(name)} is a hard link: it has {status.st_nlink} names")
    for bit, meaning in _FORBIDDEN_BITS.items():
        if status.st_mode & bit:
            raise Refusal(f"{shown(name)} is {meaning} ({stat.S_IMODE(status.st_mode):04o})")


def refuse_name(name: str) -> None:
    """Refuses a relative path that could mean another file than the one it seems to name."""
    parts = name.split("/")
    if len(name) > _NAME_MAX or "" in parts or "." in parts or ".." in parts or "\\" in name:
        raise Refusal(f"the name {shown(name)} is no plain relative path")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in name):
        raise Refusal(f"the name {shown(name)} has an invisible character")
    if unicodedata.normalize("NFC", name) != name:
        raise Refusal(f"the name {shown(name)} is not in Unicode's composed form")


def refuse_clashes(names: Iterable[str]) -> None:
    """Refuses two names, of files or of the folders they are in, that are one where case or width does not count."""
    parts = {name[:end] for name in names for end in (*(at for at, sign in enumerate(name) if sign == "/"), len(name))}
    seen: dict[str, str] = {}
    for name in sorted(parts):
        other = seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if other != name:
            raise Refusal(f"the names {shown(other)} and {shown(name)} differ in case only")


def read_small(folder: Path, name: str, seen: Mapping[str, FileState], limit_bytes: int) -> bytes:
    """The content of a file that must be there and not longer than `limit_bytes`."""
    if name not in seen:
        raise Refusal(f"{name} is missing: the model is not signed")
    if not 0 < seen[name].size <= limit_bytes:
        raise Refusal(f"{name} has {seen[name].size} bytes instead of 1 to {limit_bytes}")
    content = bytearray()
    _read(folder, name, seen[name], content.extend)
    return bytes(content)


def digest(folder: Path, name: str, seen: FileState) -> str:
    """SHA-256 of a file, in hexadecimal."""
    hasher = hashlib.sha256()
    _read(folder, name, seen, hasher.update)
    return hasher.hexdigest()


def tree_digest(digests: Mapping[str, str]) -> str:
    """The digest of a folder: SHA-256 over one line per file, in order of path: the path, NUL, its SHA-256 in hexadecimal."""
    return hashlib.sha256("".join(f"{name}\0{digests[name]}\n" for name in sorted(digests)).encode()).hexdigest()


def _read(folder: Path, name: str, seen: FileState, take: Callable[[memoryview], object]) -> None:
    """Hands all of a file to `take`. Refuses when what is opened is not what was looked at, before or after."""
    try:
        # Without waiting: a pipe that took the file's place would block for ever.
        opened = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refusal(f"{shown(name)} cannot be read: {error.strerror}") from error
    with os.fdopen(opened, "rb", buffering=0) as file:
        if FileState.of(os.fstat(opened)) != seen:
            raise Refusal(f"{shown(name)} was changed while it was verified")
        buffer = memoryview(bytearray(min(_BLOCK_BYTES, seen.size + 1)))
        remaining = seen.size
        while count := file.readinto(buffer):
            remaining -= count
            if remaining < 0:  # it grows: never read on without an end
                break
            take(buffer[:count])
        if remaining or FileState.of(os.fstat(opened)) != seen:
            raise Refusal(f"{shown(name)} was changed while it was verified")
