"""Fills the cache from a bundle: checked to its last byte before anything is unpacked, and whole or not at all.

Everything is unpacked into one folder beside the cache's own and then renamed, piece by piece, each of which is whole. What a
killed import leaves is in that folder, which nobody reads and the next import deletes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backports import zstd

from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded.bundles import download, pieces, trees
from tidegate.embedded.bundles.envelope import read_content, read_manifest
from tidegate.embedded.bundles.export_bundle import WINDOW_LOG
from tidegate.embedded.bundles.facts import TREES, BundleEntry, Manifest
from tidegate.embedded.bundles.parts import FilePart, Measured
from tidegate.embedded.bundles.pieces import Piece
from tidegate.embedded.bundles.progress import SIGN_OF_LIFE_SECONDS, CopyProgress
from tidegate.embedded.bundles.selection import fitting, to_write
from tidegate.embedded.bundles.signature import Keys, trusted_keys
from tidegate.embedded.bundles.trees import ByteSource
from tidegate.errors import BundleError, UsageError
from tidegate.tools.progress import OnProgress

_SCRATCH = ".importing"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Imported:
    """What a bundle brought. Pieces are counted by kind, blobs among them."""

    source: str
    written: Mapping[str, int]
    there_already: int
    """Pieces of this tree that the cache had before."""
    not_of_this_tree: int
    """Entries of the bundle that this tree does not ask for; they stay out."""
    lacking: tuple[str, ...]
    """Pieces of this tree that neither the cache nor the bundle has; a bring-up builds them."""
    size_bytes: int
    """What was written."""
    seconds: float


def import_bundle(checkout: Checkout, source: str, key: Path | None, on_progress: OnProgress) -> Imported:
    """Fills the cache with what this tree would build and the bundle at `source`, a file or an https:// address, has of it.

    `key` is the one public key to trust; by default those that the checkout commits. Nothing is built. Raises `UsageError` when
    the request makes no sense, and `BundleError` when the bundle is refused; the cache is then as before.
    """
    name = download.shown(source) if download.is_url(source) else source
    asked = _Asked(checkout, name, trusted_keys(checkout, key), pieces.wanted(checkout), on_progress)
    if not download.is_url(source):
        with _open_file(Path(source)) as file, _scratch(on_progress) as scratch:
            return _import(asked, file, file, scratch)
    with _scratch(on_progress) as scratch, download.opened(source) as answer, (scratch / "bundle").open("w+b") as copy:
        return _import(asked, _Copied(answer, copy), copy, scratch)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One import under way."""

    checkout: Checkout
    name: str
    """What the bundle is called in messages."""
    trusted: Keys
    wanted: Sequence[Piece]
    on_progress: OnProgress


@dataclass(frozen=True, slots=True)
class _Copied:
    """Writes down what is read, so that it can be read again."""

    source: ByteSource
    copy: IO[bytes]

    def read(self, size: int, /) -> bytes:
        found = self.source.read(size)
        self.copy.write(found)
        return found


def _import(asked: _Asked, source: ByteSource, file: IO[bytes], scratch: Path) -> Imported:
    """Checks what `source` gives, and unpacks it from `file`, which has the same once it was read."""
    started = time.monotonic()
    manifest = read_manifest(source, asked.trusted, asked.name)
    begins = file.tell()
    asked_for = fitting(asked.checkout, asked.wanted, manifest, asked.name)
    there = {(piece.kind, piece.key) for piece in asked.wanted if pieces.is_there(piece)}
    chosen, is_fetched = to_write(asked_for, there), download.is_url(asked.name)
    size_bytes = sum(entry.size_bytes for entry in chosen)
    if chosen:
        _refuse_full_disk(size_bytes + (manifest.content.size_bytes if is_fetched else 0), asked.name)
    if chosen or not is_fetched:  # a file is checked whole even when nothing of it is needed: it costs a second or two
        progress = CopyProgress(asked.on_progress, "fetching and checking" if is_fetched else "checking", manifest.content.size_bytes)
        read_content(source, manifest, asked.name, progress)
        progress.end()
    if chosen:
        file.seek(begins)
        _unpack(asked, file, manifest, chosen, scratch)
    brought = there | {(entry.kind, entry.key) for entry in asked_for}
    return Imported(
        source=asked.name, written=dict(Counter(entry.kind for entry in chosen)), there_already=len(there),
        not_of_this_tree=len(manifest.entries) - len(asked_for),
        lacking=tuple(str(piece) for piece in asked.wanted if (piece.kind, piece.key) not in brought),
        size_bytes=size_bytes, seconds=round(time.monotonic() - started, 1),
    )  # fmt: skip


def _refuse_full_disk(size_bytes: int, name: str) -> None:
    free = shutil.disk_usage(cache_folder()).free
    if free < size_bytes:
        raise BundleError(f"{name} needs {size_bytes / 1e6:.0f} MB in {cache_folder()}, where {free / 1e6:.0f} MB are free; make room")


def _unpack(asked: _Asked, file: IO[bytes], manifest: Manifest, chosen: Sequence[BundleEntry], scratch: Path) -> None:
    paths, last = {entry.path for entry in chosen}, chosen[-1]
    progress = CopyProgress(asked.on_progress, "unpacking", sum(entry.size_bytes for entry in manifest.entries))
    options: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
    try:
        with zstd.ZstdFile(FilePart(file, manifest.content.size_bytes), options=options) as content:
            for entry in manifest.entries:
                part = Measured(content, entry.size_bytes, progress)
                if entry.path in paths:
                    _write(entry, part, scratch / "cache" / entry.path)
                part.drain()
                if part.sha256() != entry.sha256:
                    raise BundleError(f"{asked.name}: {entry.kind} {entry.key} is not what was signed; find out how it was made")
                if entry is last:
                    break
        progress.end()
        asked.on_progress("bundle", "writing it to the disk")
        os.sync()  # before anything gets its name: a power cut would leave empty files that nobody checks
        for entry in chosen:
            publish(scratch / "cache" / entry.path, cache_folder() / entry.path)
    except (zstd.ZstdError, EOFError) as error:
        raise BundleError(f"{asked.name}: its content cannot be unpacked ({error}); find out how it was made") from error
    except OSError as error:
        raise BundleError(f"{asked.name} cannot be unpacked into {cache_folder()}: {error}; correct that and run it again") from error


def _write(entry: BundleEntry, part: Measured, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind in TREES:
        trees.unpack(part, path, keep_owners=entry.kind == "root")
        return
    with path.open("xb") as file:
        shutil.copyfileobj(part, file, _CHUNK_BYTES)
    path.chmod(0o755 if entry.kind == "program" else 0o644)


def publish(path: Path, target: Path) -> None:
    """Gives what lies whole at `path` its place in the cache."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.replace(target)
    except OSError:
        if not target.is_dir():  # otherwise a bring-up beside us was faster
            raise


@contextlib.contextmanager
def _open_file(path: Path) -> Generator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        yield file


@contextlib.contextmanager
def _scratch(on_progress: OnProgress) -> Generator[Path]:
    """An empty folder on the cache's filesystem, ours until the end; the kernel gives it up however we end."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        told = -SIGN_OF_LIFE_SECONDS
        while not _locked(opened):
            if time.monotonic() - told >= SIGN_OF_LIFE_SECONDS:
                told = time.monotonic()
                on_progress("bundle", "waiting for another process that imports one")
            time.sleep(0.1)
        shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
        (folder / _SCRATCH).mkdir(mode=0o700)
        yield folder / _SCRATCH
    finally:
        shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
        os.close(opened)


def _locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
