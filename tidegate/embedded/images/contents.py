"""What is in an image, read from its layers: Debian's packages, Python's, and the Go modules of its programs."""

from __future__ import annotations

import email.parser
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import PROGRAMS_FILE
from tidegate.embedded.images.build import Image
from tidegate.embedded.images.facts import ImageFact, ImageFile
from tidegate.errors import ToolError

_DEBIAN = "var/lib/dpkg/status"
_PYTHON = re.compile(r"\.dist-info/METADATA$")
_ELF = b"\x7fELF"
_EXECUTABLE = 0o111
_GO = b"\xff Go buildinf:"
"""In every program that Go has linked."""
_CHUNK_BYTES = 1 << 20


class Kind(StrEnum):
    """Types of package URLs (https://github.com/package-url/purl-spec)."""

    DEBIAN = "deb"
    PYTHON = "pypi"
    GO = "golang"


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One package or module."""

    kind: Kind
    name: str
    version: str


def contents_of(checkout: Checkout, image: Image, fact: ImageFact) -> list[Part]:
    """Sorted and each once. Raises `ToolError` when a program says it is Go's and Go cannot read it."""
    blobs = image.layout / "blobs" / "sha256"
    manifest = json.loads((blobs / image.digest.removeprefix("sha256:")).read_bytes())
    layers = [blobs / layer["digest"].removeprefix("sha256:") for layer in manifest["layers"]]
    read = {part for layer in layers for part in _of_layer(layer)}
    return sorted(read | {part for file in fact.files for part in _copied(checkout, file)})


def _copied(checkout: Checkout, file: ImageFile) -> Iterator[Part]:
    """Where a single file came from, which the layer does not say: of a Python package, or of a Go module."""
    if file.module:
        pins = ((checkout.root / PROGRAMS_FILE).parent / file.module.family / "go.mod").read_text(encoding="utf-8")
        yield from (
            Part(Kind.GO, file.module.module, found)
            for found in re.findall(rf"^\s*{re.escape(file.module.module)} (v\S+)", pins, re.MULTILINE)[:1]
        )
    if file.wheel:
        lock = (checkout.root / file.wheel.lock).read_text(encoding="utf-8")
        pinned = [Part(Kind.PYTHON, name, found) for name, found in re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", lock, re.MULTILINE)]
        folder = file.wheel.file.partition("/")[0].replace("_", "-")
        # Nothing notes which package of the lock has a folder; one that is called otherwise gets all of them, rather too many than one too few.
        yield from [part for part in pinned if part.name == folder or part.name.startswith(f"{folder}-")] or pinned


def _of_layer(path: Path) -> Iterator[Part]:
    with tarfile.open(path, "r:") as layer:
        for member in layer:
            if not member.isfile():
                continue
            name = member.name.lstrip("./")
            if name == _DEBIAN or _PYTHON.search(name):
                text = _read(layer, member).decode("utf-8", "replace")
                yield from _debian(text) if name == _DEBIAN else _python(text)
            elif member.mode & _EXECUTABLE:
                yield from _go(layer, member)


def _read(layer: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = layer.extractfile(member)
    return file.read() if file else b""


def _debian(status: str) -> Iterator[Part]:
    for block in re.split(r"\n\n+", status):
        facts = dict(re.findall(r"^(Package|Status|Version): (.*)$", block, re.MULTILINE))
        if facts.get("Status", "").endswith(" installed"):
            yield Part(Kind.DEBIAN, facts["Package"], facts["Version"])


def _python(metadata: str) -> Iterator[Part]:
    facts = email.parser.HeaderParser().parsestr(metadata)
    if facts["Name"] and facts["Version"]:
        yield Part(Kind.PYTHON, re.sub(r"[-_.]+", "-", facts["Name"]).lower(), facts["Version"])


def _go(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[Part]:
    """Written out, because `go version` reads files only."""
    file = layer.extractfile(member)
    if file is None or file.read(4) != _ELF or not _is_go(file):
        return
    with tempfile.NamedTemporaryFile(prefix="tidegate-program-") as program:
        file.seek(0)
        shutil.copyfileobj(file, program)
        program.flush()
        said = tools.run(["go", "version", "-m", program.name]).stdout
    found = _modules(said)
    if not found:
        raise ToolError(f"go version -m {member.name}", 1, f"no modules are named: {said[:200]}")
    yield from found


def _is_go(file: IO[bytes]) -> bool:
    tail = b""
    while chunk := file.read(_CHUNK_BYTES):
        if _GO in tail + chunk:
            return True
        tail = chunk[-len(_GO) :]
    return False


def _modules(said: str) -> list[Part]:
    """A replaced module stands as what replaced it, which is what was compiled; the release of Go is a part, too."""
    found = [Part(Kind.GO, "stdlib", version) for version in re.findall(r": go([0-9][^\s]*)", said.partition("\n")[0])]
    for what, name, version in re.findall(r"^\t(mod|dep|=>)\t(\S+)\t(\S+)", said, re.MULTILINE):
        if what == "=>":
            found.pop()
        if version != "(devel)":  # our own main package, which has no release
            found.append(Part(Kind.GO, name, version))
    return found
