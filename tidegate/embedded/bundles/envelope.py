"""The outer form of a bundle: a tar archive of three plain files in a fixed order, so that any `tar` takes it apart.

Read by hand, 512 bytes at a time: what is not signed yet must not make us hold more in memory than it is worth.
"""

from __future__ import annotations

import hashlib
import tarfile
from typing import IO, NoReturn, cast

from pydantic import ValidationError

from tidegate.embedded.bundles.facts import CONTENT, FORMAT, MANIFEST, SIGNATURE, Manifest
from tidegate.embedded.bundles.progress import CopyProgress
from tidegate.embedded.bundles.signature import Keys, verify
from tidegate.embedded.bundles.trees import ByteSource
from tidegate.errors import BundleError
from tidegate.facts.inventory.refusals import findings_of
from tidegate.signing.checks.envelopes import read_json
from tidegate.signing.checks.refusal import Refusal

_BLOCK_BYTES = 512
_END = bytes(2 * _BLOCK_BYTES)
_CHUNK_BYTES = 1 << 20

_MOST_BYTES = {MANIFEST: 16 << 20, SIGNATURE: 64 << 10}
"""Some hundred times what they have. The length of the content is in the signed manifest."""


def header(name: str, size_bytes: int) -> bytes:
    """What stands before a file of `size_bytes`: nothing in it tells when, where or by whom it was written."""
    described = tarfile.TarInfo(name)
    described.size, described.mode = size_bytes, 0o644
    return described.tobuf(tarfile.USTAR_FORMAT)


def padding(size_bytes: int) -> bytes:
    """What follows a file of `size_bytes`."""
    return bytes(-size_bytes % _BLOCK_BYTES)


def write_envelope(file: IO[bytes], manifest: bytes, signature: bytes, content: IO[bytes], content_bytes: int) -> None:
    """Writes a whole bundle into `file`."""
    for name, text in ((MANIFEST, manifest), (SIGNATURE, signature)):
        file.write(header(name, len(text)) + text + padding(len(text)))
    file.write(header(CONTENT, content_bytes))
    while chunk := content.read(_CHUNK_BYTES):
        file.write(chunk)
    file.write(padding(content_bytes) + _END)


def read_manifest(source: ByteSource, trusted: Keys, name: str) -> Manifest:
    """The manifest of the bundle that `source` gives, after its signature was verified; what follows is the content.

    Raises `BundleError`, which calls the bundle `name`: no bundle, cut off, not signed by a trusted key, of another format.
    """
    text, signature = _read_small(source, MANIFEST, name), _read_small(source, SIGNATURE, name)
    verify(text, signature, trusted, name)
    manifest = _parsed(text, name)
    if (size := _read_header(source, CONTENT, name)) != manifest.content.size_bytes:
        raise BundleError(f"{name} has {size} bytes of content; signed are {manifest.content.size_bytes}; fetch it again")
    return manifest


def read_content(source: ByteSource, manifest: Manifest, name: str, progress: CopyProgress) -> None:
    """Reads the content to the end of the bundle; raises `BundleError` unless it is what was signed, to the last byte."""
    digest, left = hashlib.sha256(), manifest.content.size_bytes
    while left:
        chunk = source.read(min(_CHUNK_BYTES, left))
        if not chunk:
            raise BundleError(
                f"{name} is cut off: {manifest.content.size_bytes - left} of {manifest.content.size_bytes} bytes of content are there; "
                "fetch it again"
            )
        digest.update(chunk)
        left -= len(chunk)
        progress.add(len(chunk))
    if digest.hexdigest() != manifest.content.sha256:
        raise BundleError(f"{name} is damaged: its content is not what was signed (SHA-256); fetch it again")
    end = padding(manifest.content.size_bytes) + _END
    if (found := _read(source, len(end) + 1)) != end:
        _refuse_end(name, cut_off=len(found) < len(end))


def _refuse_end(name: str, *, cut_off: bool) -> NoReturn:
    raise BundleError(f"{name} is {'cut off at its very end' if cut_off else 'damaged: something follows its content'}; fetch it again")


def _parsed(text: bytes, name: str) -> Manifest:
    try:
        document = read_json(text, "its manifest")
    except Refusal as refused:
        raise BundleError(f"{name}: {refused}") from refused
    version = cast("dict[str, object]", document).get("format") if isinstance(document, dict) else None
    if version != FORMAT:
        raise BundleError(
            f"{name} has the format {version!r}, and this tree reads {FORMAT} only; export one with this tree, or take the tree it was made with"
        )
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        findings = findings_of(error, f"{name}: {MANIFEST}", Manifest, cast("object", document))
        raise BundleError("\n".join(map(str, findings))) from error


def _read_small(source: ByteSource, wanted: str, name: str) -> bytes:
    size = _read_header(source, wanted, name)
    if size > _MOST_BYTES[wanted]:
        raise BundleError(f"{name} has a {wanted} of {size} bytes; {_MOST_BYTES[wanted]} is the most")
    padded = size + len(padding(size))
    found = _read(source, padded)
    if len(found) < padded:
        raise BundleError(f"{name} is cut off in its {wanted}; fetch it again")
    return found[:size]


def _read_header(source: ByteSource, wanted: str, name: str) -> int:
    block = _read(source, _BLOCK_BYTES)
    try:
        described = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise BundleError(f"{name} is no bundle, or damaged: where {wanted} should begin there is something else") from error
    if described.name != wanted or not described.isreg():
        raise BundleError(f"{name} is no bundle: where {wanted} should be it has {described.name!r}")
    return described.size


def _read(source: ByteSource, size: int) -> bytes:
    found = b""
    while len(found) < size and (chunk := source.read(size - len(found))):
        found += chunk
    return found
