"""What the operating system refuses, in one line with its remedy: a full disk, a read-only folder, a right that is missing."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tidegate.errors import HostError

_KNOWN: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "make room"),
    errno.EDQUOT: ("the disk quota is used up", "make room"),
    errno.EROFS: ("the file system is read-only", "mount it writable, or work in another folder"),
    errno.EACCES: ("not permitted", "give yourself the right, or work in another folder"),
    errno.EPERM: ("not permitted", "give yourself the right, or work in another folder"),
    errno.ENOENT: ("no such file or folder", "put it back; `git status` shows what is missing of the checkout"),
    errno.ENOTDIR: ("a part of the path is no folder", "move away what is in the way"),
    errno.EISDIR: ("a folder is where a file belongs", "move it away"),
    errno.EEXIST: ("something else is in the way", "move it away"),
    errno.ELOOP: ("links go in a circle", "correct the link"),
    errno.ENAMETOOLONG: ("the name is too long", "use a shorter one"),
    errno.EIO: ("the disk reports an error", "look at `dmesg`"),
    errno.EMFILE: ("too many open files", "raise `ulimit -n`"),
    errno.ENFILE: ("too many open files on this machine", "raise the sysctl fs.file-max"),
    errno.ENOMEM: ("not enough memory", "end what needs it"),
    errno.EAGAIN: ("no more processes can be started", "raise `ulimit -u`"),
}

_SAID_BY_THE_SYSTEM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO})
"""What has the machine for its cause also when the system names no file."""


def refusal_of(error: OSError) -> HostError | None:
    """What to tell about `error`; None when no file and no lack of the machine explains it."""
    if isinstance(error, shutil.Error):  # of a copied tree: a list of (from, to, why)
        return HostError("\n".join(f"{to}: {why}; correct that and run it again" for _, to, why in error.args[0]))
    named = _name(error)
    if not named and "No usable temporary directory" in (error.strerror or ""):
        return HostError("TMPDIR: no folder for temporary files can be written; make room in /tmp, or name another folder")
    if not named and error.errno not in _SAID_BY_THE_SYSTEM:
        return None
    problem, remedy = _KNOWN.get(error.errno or 0, ((error.strerror or type(error).__name__).lower(), "correct that and run it again"))
    return HostError(f"{named or 'this machine'}: {problem}; {remedy}")


def _name(error: OSError) -> str:
    # The second file of a renaming, or of a link, is the one that is made.
    found: object = error.filename2 or error.filename
    if isinstance(found, Path):  # a folder to start a program in
        return str(found)
    return os.fsdecode(found) if isinstance(found, str | bytes) else ""


@contextmanager
def naming(path: Path | str) -> Generator[None]:
    """Has an error of the operating system name `path`, which writing to an open file does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno:
            error.filename = str(path)
        raise
