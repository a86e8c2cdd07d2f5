"""A checkout whose every piece is made by a stand-in within milliseconds, and ways to take a bundle apart and forge one."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tidegate.checkout import Checkout
from tidegate.contracts.rendering import AddOnEntry, AddOnModule
from tidegate.embedded import example_models
from tidegate.embedded.builds import go_programs
from tidegate.embedded.bundles import envelope, pieces
from tidegate.embedded.bundles.export_bundle import export_bundle
from tidegate.embedded.bundles.facts import CONTENT, MANIFEST, SIGNATURE
from tidegate.embedded.bundles.signature import sign
from tidegate.embedded.images import debian
from tidegate.embedded.images.build import IMAGES_FILE
from tidegate.embedded.images.facts import DebianBase
from tidegate.repository import schemas
from tidegate.signing.keys import KeyFile, embedded_signer

BUILDS = """families:
  - name: greetings
    release: 1.2.3
    binaries:
      - {name: greeter, package: .}
      - {name: shouter, package: ., tags: [loud]}
  - name: kwok
    release: 0.8.0
    binaries:
      - {name: kwok, package: sigs.k8s.io/kwok/cmd/kwok}
"""
IMAGES_TEXT = """release: bookworm
machine: {packages: [runc]}
bases:
  small: {packages: [git]}
images:
  greeter:
    tag: "1"
    files: [{path: /greeter, binary: greeter}]
    entrypoint: [/greeter]
    user: 1
  based:
    tag: "1"
    base: small
    files: [{path: /shouter, binary: shouter}]
    entrypoint: [/usr/bin/git]
    user: 1
"""
GO = """#!/bin/sh
echo "$1" >>"$ASKED"
case "$1" in
version) echo "go version ${GO_HERE:-go1.26.6 linux/amd64}" ;;
list) echo "$MODULE" ;;
mod) echo "{\\"Dir\\": \\"$MODULE\\"}" ;;
build)
    while [ "$1" != -o ]; do shift; done
    echo "program $(basename "$2") $(cat main.go 2>/dev/null)" >"$2"
    chmod 755 "$2"
    ;;
esac
"""
ADD_ON = AddOnEntry(
    name="charts", version="1", wave=0, namespace="charts", by_hand=False, production={}, images=(), owned_namespaces=(),
    modules=(AddOnModule(key="example.org/charts", path="example.org/charts", version="v1", reads=("chart chart",)),), ignored_differences=(),
)  # fmt: skip
ADD_ONS = f"""#!/bin/sh
case "$3" in
list) echo '[{ADD_ON.model_dump_json()}]' ;;
files) echo '{{"example.org/charts": ["chart/Chart.yaml"]}}' ;;
esac
"""
TRAIN = """#!/bin/sh
echo train >>"$ASKED"
mkdir -p "$4/fraud"
echo trees >"$4/fraud/model.txt"
echo '{"versions": []}' >"$4/models.json"
"""

Told = list[tuple[str, str]]


@dataclass(frozen=True)
class Place:
    """A checkout, the cache that is used with it, and the log of what stand-ins were asked for."""

    checkout: Checkout
    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache" / "tidegate"

    @property
    def asked(self) -> set[str]:
        log = self.folder / "asked"
        return set(log.read_text().split()) if log.exists() else set()

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.folder / "cache"))
        monkeypatch.setenv("ASKED", str(self.folder / "asked"))


def make_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A new checkout in `folder` with an empty cache, which is used from now on."""
    root = folder / "checkout"
    module = folder.parent / "module"
    texts = {
        root / "cdktf.json": "", root / "pyproject.toml": "", root / go_programs.PROGRAMS_FILE: BUILDS, root / IMAGES_FILE: IMAGES_TEXT,
        root / "clusters/embedded/builds/greetings/go.mod": "module example.org/greetings", root / "locks/models.txt": "numpy==1",
        root / "clusters/embedded/builds/greetings/main.go": "package main", root / "clusters/embedded/builds/kwok/go.mod": "module example.org/kwok",
        root / example_models.SOURCES / "train.py": "seed = 1", root / "clusters/addons/chart.py": "wave = 1", module / "chart/Chart.yaml": "name: chart",
        module / "chart_test.go": "not read", **{module / name: f"{name}\n" for name in stages()},
    }  # fmt: skip
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path, text in ((folder / "bin/go", GO), (root / ".venv/bin/python", ADD_ONS), (root / example_models.PYTHON, TRAIN)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("MODULE", str(module))
    monkeypatch.setattr(os, "sync", lambda: None)  # seconds on a machine that writes much
    stand_in_for_debian(monkeypatch)
    place = Place(Checkout(root), folder)
    place.use(monkeypatch)
    return place


def stages() -> Sequence[str]:
    from tidegate.embedded.builds.sources import KWOK_STAGES  # noqa: PLC0415 - beside its only use

    return KWOK_STAGES


def stand_in_for_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root filesystems without mmdebstrap, and schemas without eight downloads; both say in the log that they were made."""

    def log(what: str) -> None:
        with Path(os.environ["ASKED"]).open("a") as asked:
            asked.write(f"{what}\n")

    def base_filesystem(_release: str, base: DebianBase, archive: Path, _progress: object) -> None:
        log("base")
        with tarfile.open(archive, "w") as opened:
            opened.addfile(tarfile.TarInfo("usr/bin/" + base.packages[0]))

    def make_filesystem(_release: str, packages: Sequence[str], target: Path, _progress: object, **_: object) -> None:
        log("root")
        (target / "usr/bin").mkdir(parents=True)
        (target / "bin").symlink_to("usr/bin")
        (target / "etc").symlink_to("/etc")
        (target / "usr/bin" / packages[0]).write_text("program")
        (target / "usr/bin" / packages[0]).chmod(0o4755)

    def build_schemas(_on_progress: object) -> dict[str, dict[str, object]]:
        log("schemas")
        return {"definitions": {}, "kinds": {}}

    monkeypatch.setattr(debian, "base_filesystem", base_filesystem)
    monkeypatch.setattr(debian, "make_filesystem", make_filesystem)
    monkeypatch.setattr(schemas, "_build", build_schemas)


def new_signer(folder: Path, name: str = "team") -> KeyFile:
    """A key of that name in `folder`, and its public half beside it as `<name>.pub`."""
    signer = embedded_signer(name, folder)
    (folder / f"{name}.pub").write_text(signer.public_pem())
    return signer


def export(place: Place, path: Path, signer: KeyFile) -> Path:
    return export_bundle(place.checkout, path, signer, lambda _subject, _what: None).path


def parts(bundle: Path) -> dict[str, bytes]:
    """The three files of a bundle, as any tar reads them."""
    with tarfile.open(bundle) as archive:
        assert archive.getnames() == [MANIFEST, SIGNATURE, CONTENT]
        return {member.name: file.read() for member in archive if (file := archive.extractfile(member))}


def forge(bundle: Path, forged: Path, signer: KeyFile, change: Callable[[dict[str, Any]], object]) -> Path:
    """Writes a bundle whose manifest was changed and signed again."""
    found = parts(bundle)
    document = json.loads(found[MANIFEST])
    change(document)
    text = json.dumps(document).encode()
    with forged.open("wb") as file:
        envelope.write_envelope(file, text, sign(text, signer), io.BytesIO(found[CONTENT]), len(found[CONTENT]))
    return forged


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes | str]]:
    """Everything in a folder: mode, time and content or target, by path."""
    found: dict[str, tuple[int, int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[path.relative_to(folder).as_posix()] = (status.st_mode, int(status.st_mtime) if path.is_file() else 0, content)
    return found


def lacking(place: Place) -> list[str]:
    """What a bring-up would build now."""
    return [str(piece) for piece in pieces.wanted(place.checkout) if not pieces.is_there(piece)]
