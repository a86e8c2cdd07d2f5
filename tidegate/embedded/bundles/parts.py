"""Parts of a longer stream, each to be read as if it were a file of its own."""

from __future__ import annotations

import hashlib
import io
from typing import IO, Any

from backports import zstd

from tidegate.embedded.bundles.progress import CopyProgress

_CHUNK_BYTES = 1 << 20


class FilePart(io.RawIOBase):
    """The next `size_bytes` of a file, as a file of its own."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        super().__init__()
        self._file = file
        self._left = size_bytes

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - as the base class has it
        """Reads into `buffer`; 0 at the end."""
        found = self._file.read(min(len(buffer), self._left))
        buffer[: len(found)] = found
        self._left -= len(found)
        return len(found)


class Measured:
    """The next entry of the content: no more than it has, hashed on the way."""

    def __init__(self, content: IO[bytes] | zstd.ZstdFile, size_bytes: int, progress: CopyProgress) -> None:
        self._content = content
        self._left = size_bytes
        self._progress = progress
        self._digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, by default all that are left; none at the end."""
        found = self._content.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(found)
        self._digest.update(found)
        self._progress.add(len(found))
        return found

    def drain(self) -> None:
        """Reads what is left of it and keeps nothing."""
        while self.read(_CHUNK_BYTES):
            pass

    def sha256(self) -> str:
        """Of what was read so far."""
        return self._digest.hexdigest()
