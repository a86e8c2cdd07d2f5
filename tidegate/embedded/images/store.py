"""Blobs by the hash of their content, and a memory of what was made from which inputs, in the cache outside every checkout."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """Some bytes of the store."""

    digest: str
    """As OCI writes it: `sha256:` and 64 hexadecimal digits."""
    size: int
    """Bytes."""


def is_whole(path: Path, blob: Blob) -> bool:
    """Whether the file at `path` may be `blob`: after a power cut a file may have its name and no bytes."""
    try:
        return path.stat().st_size == blob.size
    except FileNotFoundError:
        return False


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of blobs. Everything appears in it by renaming, so that two processes may fill it and one may be killed."""

    folder: Path

    def path(self, blob: Blob) -> Path:
        """Where the bytes lie."""
        return self.folder / "blobs" / "sha256" / blob.digest.removeprefix("sha256:")

    def add_bytes(self, content: bytes) -> Blob:
        """Keeps `content`."""
        return self.add_written(lambda file: file.write(content))

    def add_written(self, write: Callable[[IO[bytes]], object]) -> Blob:
        """Keeps what `write` writes into the file it is given."""
        temporary = self.new_path()
        try:
            with temporary.open("wb") as file:
                write(file)
            return self.add_file(temporary)
        finally:
            temporary.unlink(missing_ok=True)

    def add_file(self, path: Path) -> Blob:
        """Keeps the file at `path` (from `new_path`), which goes away."""
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
        blob = Blob(f"sha256:{digest.hexdigest()}", size)
        target = self.path(blob)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.chmod(0o644)
        path.replace(target)
        return blob

    def new_path(self) -> Path:
        """A file to write into, on the same filesystem as the blobs."""
        work = self.folder / "unfinished"
        work.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=work)
        os.close(handle)
        return Path(name)

    def remembered(self, key: str) -> Blob | None:
        """What was made from the inputs named by `key`, as long as the store still holds it whole."""
        try:
            blob = Blob(**json.loads(self.memory(key).read_text(encoding="ascii")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return blob if is_whole(self.path(blob), blob) else None

    def remember(self, key: str, blob: Blob) -> Blob:
        """Notes that `blob` is what the inputs named by `key` give."""
        temporary = self.new_path()
        temporary.write_text(json.dumps(asdict(blob)), encoding="ascii")
        self.memory(key).parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(self.memory(key))
        return blob

    def memory(self, key: str) -> Path:
        """Where it is noted what the inputs named by `key` gave."""
        return self.folder / "made" / f"{key}.json"
