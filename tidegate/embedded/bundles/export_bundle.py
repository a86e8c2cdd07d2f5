"""Writes a bundle: builds what the cache lacks, and packs all of it into one signed file."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backports import zstd

from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded.bundles import pieces, trees
from tidegate.embedded.bundles.envelope import write_envelope
from tidegate.embedded.bundles.facts import FORMAT, TREES, BundleEntry, Content, Manifest
from tidegate.embedded.bundles.pieces import Piece
from tidegate.embedded.bundles.progress import CopyProgress
from tidegate.embedded.bundles.signature import sign
from tidegate.embedded.images.build import images_store
from tidegate.errors import BundleError, UsageError
from tidegate.signing.keys import Signer

WINDOW_LOG = 27
"""How far back compressing looks, as a power of two: 128 MB, the most that `zstd -d` takes without being asked.

It is so far because an image holds a program that stands right before it.
"""

_OPTIONS: Mapping[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.window_log: WINDOW_LOG,
    zstd.CompressionParameter.enable_long_distance_matching: 1,
    # The bytes are the same for any number of workers but none.
    zstd.CompressionParameter.nb_workers: 2,
}
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle that was written."""

    path: Path
    address: str
    """Stands for what it was made of (see `pieces.address`)."""
    size_bytes: int
    content_bytes: int
    """Of all pieces, not compressed."""
    pieces: Mapping[str, int]
    """How many there are of each kind."""
    seconds: float
    """What packing took, without building."""


def bundle_name(checkout: Checkout) -> str:
    """The file name that stands for everything this tree builds on this machine; the same on every machine of its kind."""
    return f"tidegate-{pieces.address(pieces.wanted(checkout))}.bundle"


def export_bundle(checkout: Checkout, target: Path, signer: Signer, on_progress: Callable[[str, str], None]) -> Exported:
    """Writes everything that this tree builds into the file `target`, or into a file named after it when that is a folder.

    What the cache lacks is built first. The file appears whole or not at all; two exports of one cache differ in nothing but
    the signature. Raises what building raises, `UsageError` when the folder does not exist, and `BundleError` for what no
    bundle can hold.
    """
    target = target / bundle_name(checkout) if target.is_dir() else target
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is no folder; make it first")
    signer.public_pem()  # a key that cannot be read is refused before anything is built
    pieces.build_all(checkout, on_progress)
    wanted = pieces.wanted(checkout)
    if lacking := [piece for piece in wanted if not pieces.is_there(piece)]:
        raise BundleError(f"{lacking[0]} went from the cache while it was exported; run it again")
    started = time.monotonic()
    try:
        size_bytes, manifest = _write(checkout, wanted, target, signer, on_progress)
    except OSError as error:
        raise BundleError(f"{target} cannot be written: {error}; correct that and run it again") from error
    counted = Counter(entry.kind for entry in manifest.entries)
    return Exported(target, pieces.address(wanted), size_bytes, manifest.size_bytes, dict(counted), round(time.monotonic() - started, 1))


def _write(
    checkout: Checkout, wanted: Iterable[Piece], target: Path, signer: Signer, on_progress: Callable[[str, str], None]
) -> tuple[int, Manifest]:
    """The size of the file, and what is in it."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        unfinished, packed = Path(scratch) / "bundle", Path(scratch) / "content"
        with packed.open("w+b") as content:
            manifest = _pack(checkout, wanted, content, on_progress)
            content.seek(0)
            text = manifest.model_dump_json().encode()
            with unfinished.open("wb") as file:
                write_envelope(file, text, sign(text, signer), content, manifest.content.size_bytes)
                file.flush()
                os.fsync(file.fileno())
        size_bytes = unfinished.stat().st_size
        unfinished.replace(target)
    return size_bytes, manifest


def _pack(checkout: Checkout, wanted: Iterable[Piece], content: IO[bytes], on_progress: Callable[[str, str], None]) -> Manifest:
    files = list(_with_blobs(wanted))
    progress = CopyProgress(on_progress, "packing", sum(map(_size_bytes, (piece for piece, _ in files))))
    stream = _Stream(content, progress)
    entries = [_entry(piece, blobs, stream) for piece, blobs in files]
    stored = stream.end()
    progress.end()
    return Manifest(format=FORMAT, inputs=pieces.inputs(checkout), content=stored, entries=tuple(entries))


def _with_blobs(wanted: Iterable[Piece]) -> Iterable[tuple[Piece, tuple[str, ...]]]:
    """Every piece with the digests of its blobs, which stand before it as pieces of their own, each once."""
    store, folder, packed = images_store(), cache_folder(), set[str]()
    for piece in wanted:
        digests: list[str] = []
        for blob in pieces.blobs(piece):
            path = store.path(blob)
            digests.append(path.name)
            if path.name not in packed:
                packed.add(path.name)
                yield Piece("blob", path.name, path.relative_to(folder).as_posix(), path.name), ()
        yield piece, tuple(digests)


def _entry(piece: Piece, blobs: tuple[str, ...], stream: _Stream) -> BundleEntry:
    stream.begin()
    if piece.kind in TREES:
        trees.pack(piece.place, stream, keep_owners=piece.kind == "root")
    else:
        with piece.place.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                stream.write(chunk)
    return BundleEntry(kind=piece.kind, key=piece.key, path=piece.path, sha256=stream.sha256(), size_bytes=stream.size_bytes, blobs=blobs)


def _size_bytes(piece: Piece) -> int:
    """About what it adds to the content; folders and headers are left out."""
    paths = piece.place.rglob("*") if piece.kind in TREES else [piece.place]
    return sum(path.lstat().st_size for path in paths if path.is_file() and not path.is_symlink())


class _Stream:
    """Compresses what is written, and counts and hashes it on both sides."""

    def __init__(self, file: IO[bytes], progress: CopyProgress) -> None:
        self._file = file
        self._progress = progress
        self._compressor = zstd.ZstdCompressor(options=_OPTIONS)
        self._stored, self._stored_bytes = hashlib.sha256(), 0
        self.begin()

    def begin(self) -> None:
        """From here on another entry is written."""
        self._digest, self.size_bytes = hashlib.sha256(), 0

    def sha256(self) -> str:
        """Of the entry so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Takes more of the entry."""
        self._digest.update(data)
        self.size_bytes += len(data)
        self._progress.add(len(data))
        self._store(self._compressor.compress(data))

    def end(self) -> Content:
        """Nothing more comes."""
        self._store(self._compressor.flush())
        return Content(sha256=self._stored.hexdigest(), size_bytes=self._stored_bytes)

    def _store(self, data: bytes) -> None:
        self._file.write(data)
        self._stored.update(data)
        self._stored_bytes += len(data)
