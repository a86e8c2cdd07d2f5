"""Images depend on their inputs only, are built once, and are never half."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.checkout import Checkout
from tidegate.embedded.images import Image, build_images, debian, layers
from tidegate.embedded.images.build import IMAGES_FILE
from tidegate.embedded.images.facts import DebianBase
from tidegate.errors import InventoryError, UsageError

IMAGES = """
release: bookworm
machine: {packages: [runc]}
bases:
  small: {packages: [git], environment: {FROM_BASE: "1"}}
images:
  sleeper:
    tag: "3.10"
    files:
      - {path: /sleeper, binary: sleeper}
      - {path: /bin/again, link: /sleeper}
      - {path: /tmp, mode: "1777"}
    entrypoint: [/sleeper]
    arguments: [--for=ever]
    environment: {PLACE: here}
    user: 65535
  based:
    tag: 1.0.0
    repository: registry.example.com/credit/based
    base: small
    sources: [based, alone.py]
    entrypoint: [/usr/bin/git]
    user: 999
    folder: /app
  alike:
    tag: 1.0.0
    base: small
    entrypoint: [/usr/bin/git]
    user: 999
"""


class Told(list[str]):
    """What a user saw."""

    def __call__(self, line: str) -> None:
        self.append(line)


Place = Callable[[str], tuple[Checkout, dict[str, Path]]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Makes a checkout, its binaries and a cache of its own in a folder of the given name, and uses that cache from now on."""

    def make(name: str) -> tuple[Checkout, dict[str, Path]]:
        root = tmp_path / name
        (root / IMAGES_FILE).parent.mkdir(parents=True)
        (root / IMAGES_FILE).write_text(IMAGES.lstrip())
        program = root / "based"
        (program / "inner").mkdir(parents=True)
        (program / "server.py").write_text("print(1)\n")
        (program / "inner" / "more.py").write_text("print(2)\n")
        (root / "alone.py").write_text("print(3)\n")
        (program / "__pycache__").mkdir()
        (program / "__pycache__" / "server.cpython-311.pyc").write_text(name)
        binary = root / "sleeper"
        binary.write_bytes(b"\x7fELF sleeper")
        monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        return Checkout(root), {"sleeper": binary}

    return make


@pytest.fixture(autouse=True)
def bootstraps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for mmdebstrap, which needs root and the network; remembers what it was asked for."""
    asked: list[str] = []

    def base_filesystem(_release: str, base: DebianBase, archive: Path, _progress: object) -> None:
        asked.extend(base.packages)
        with tarfile.open(archive, "w") as opened:
            opened.addfile(tarfile.TarInfo("usr/bin/" + base.packages[0]))

    monkeypatch.setattr(debian, "base_filesystem", base_filesystem)
    return asked


def blob(image: Image, digest: str) -> bytes:
    return (image.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def manifest(image: Image) -> dict[str, Any]:
    return json.loads(blob(image, image.digest))


def entries(image: Image) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    for layer in manifest(image)["layers"]:
        with tarfile.open(fileobj=io.BytesIO(blob(image, layer["digest"]))) as archive:
            found.update({member.name: member for member in archive})
    return found


def interrupted(_entries: object, _where: object) -> None:
    raise KeyboardInterrupt


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_inputs_give_the_same_bytes_in_another_place(place: Place) -> None:
    here = build_images(*place("here"))
    umask = os.umask(0o077)
    try:
        checkout, binaries = place("there")
        os.utime(binaries["sleeper"], (1, 1))
        there = build_images(checkout, binaries)
    finally:
        os.umask(umask)
    assert list(here) == ["sleeper", "based", "alike"]
    for name, image in here.items():
        assert image.layout != there[name].layout
        assert files_of(image.layout) == files_of(there[name].layout)


def test_every_digest_is_that_of_the_bytes(place: Place) -> None:
    for image in build_images(*place("here")).values():
        named = [image.digest, manifest(image)["config"]["digest"], *(layer["digest"] for layer in manifest(image)["layers"])]
        for digest in named:
            assert f"sha256:{hashlib.sha256(blob(image, digest)).hexdigest()}" == digest
        assert manifest(image)["config"]["size"] == len(blob(image, manifest(image)["config"]["digest"]))
        configuration = json.loads(blob(image, manifest(image)["config"]["digest"]))
        assert configuration["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest(image)["layers"]]


def test_the_layout_names_the_image_and_nothing_else(place: Place) -> None:
    image = build_images(*place("here"))["sleeper"]
    index = json.loads((image.layout / "index.json").read_bytes())
    assert index["manifests"][0]["digest"] == image.digest
    assert index["manifests"][0]["annotations"] == {
        "io.containerd.image.name": "registry.example.com/tidegate/sleeper:3.10",
        "org.opencontainers.image.ref.name": "3.10",
    }
    assert image.reference == f"registry.example.com/tidegate/sleeper:3.10@{image.digest}"
    assert len(list((image.layout / "blobs" / "sha256").iterdir())) == 3
    assert json.loads((image.layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_files_links_and_folders_are_as_written(place: Place) -> None:
    found = entries(build_images(*place("here"))["sleeper"])
    assert list(found) == ["bin", "bin/again", "sleeper", "tmp"]
    assert (found["sleeper"].mode, found["sleeper"].size) == (0o755, 12)
    assert found["bin/again"].linkname == "/sleeper"
    assert (found["tmp"].isdir(), found["tmp"].mode) == (True, 0o1777)
    assert {(entry.uid, entry.gid, entry.mtime) for entry in found.values()} == {(0, 0, 0)}


def test_an_image_starts_as_written(place: Place) -> None:
    built = build_images(*place("here"))
    sleeper = json.loads(blob(built["sleeper"], manifest(built["sleeper"])["config"]["digest"]))["config"]
    assert sleeper == {
        "Entrypoint": ["/sleeper"],
        "Cmd": ["--for=ever"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PLACE=here"],
        "User": "65535:65535",
        "WorkingDir": "/",
    }
    based = json.loads(blob(built["based"], manifest(built["based"])["config"]["digest"]))["config"]
    assert (based["WorkingDir"], based["Env"][0]) == ("/app", "FROM_BASE=1")


def test_sources_lie_under_their_own_paths_without_what_python_left_there(place: Place) -> None:
    assert [name for name in entries(build_images(*place("here"))["based"]) if name.startswith("app/")] == [
        "app/alone.py", "app/based", "app/based/inner", "app/based/inner/more.py", "app/based/server.py",
    ]  # fmt: skip


def test_a_base_is_made_once_and_lies_in_the_store_once(place: Place, bootstraps: list[str]) -> None:
    built = build_images(*place("here"))
    assert bootstraps == ["git"]
    lowest = manifest(built["based"])["layers"][0]["digest"]
    assert manifest(built["alike"])["layers"][0]["digest"] == lowest
    inodes = {(image.layout / "blobs/sha256" / lowest[7:]).stat().st_ino for image in (built["based"], built["alike"])}
    assert len(inodes) == 1


def test_a_second_call_says_nothing_and_gives_the_same(place: Place, bootstraps: list[str]) -> None:
    checkout, binaries = place("here")
    told = Told()
    first = build_images(checkout, binaries, told)
    assert [line for line in told if "image" in line] == [
        "building image sleeper (1 of 3)", "building image based (2 of 3)", "building image alike (3 of 3)",
    ]  # fmt: skip
    told.clear()
    bootstraps.clear()
    assert build_images(checkout, binaries, told) == first
    assert (told, bootstraps) == ([], [])


def test_only_what_changed_is_built_anew(place: Place) -> None:
    checkout, binaries = place("here")
    before = build_images(checkout, binaries)
    binaries["sleeper"].write_bytes(b"\x7fELF another")
    (checkout.root / "based" / "server.py").write_text("print(3)\n")
    told = Told()
    after = build_images(checkout, binaries, told)
    assert told == ["building image sleeper (1 of 3)", "building image based (2 of 3)"]
    assert after["sleeper"].digest != before["sleeper"].digest
    assert after["alike"] == before["alike"]


@pytest.mark.parametrize("left", [None, b""], ids=["gone", "empty"])
def test_a_damaged_cache_is_mended(place: Place, left: bytes | None) -> None:
    checkout, binaries = place("here")
    before = build_images(checkout, binaries)
    for path in (checkout.root / "cache/tidegate/images/blobs/sha256").iterdir():
        path.unlink() if left is None else path.write_bytes(left)
    after = build_images(checkout, binaries)
    assert {name: image.digest for name, image in after.items()} == {name: image.digest for name, image in before.items()}
    for name, image in after.items():
        assert hashlib.sha256(blob(image, image.digest)).hexdigest() == image.digest[7:], name
        for layer in manifest(image)["layers"]:
            assert len(blob(image, layer["digest"])) == layer["size"]


def test_an_interrupted_build_leaves_no_image(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, binaries = place("here")
    with monkeypatch.context() as patched:
        patched.setattr(layers, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_images(checkout, binaries, only=["sleeper"])
    cache = checkout.root / "cache/tidegate/images"
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert build_images(checkout, binaries, only=["sleeper"])["sleeper"].layout.is_dir()


def test_an_unknown_name_is_answered_with_the_names(place: Place) -> None:
    with pytest.raises(UsageError, match=r"no image 'sleepr'; there are sleeper, based, alike"):
        build_images(*place("here"), only=["sleepr"])


def test_a_missing_binary_is_answered_with_its_build(place: Place) -> None:
    with pytest.raises(UsageError, match=r"'sleeper' is not built; `tidegate local build --only sleeper`"):
        build_images(place("here")[0], {}, only=["sleeper"])


def test_a_missing_source_is_a_finding(place: Place) -> None:
    checkout, binaries = place("here")
    (checkout.root / IMAGES_FILE).write_text(IMAGES.lstrip().replace("sources: [based", "sources: [absent"))
    with pytest.raises(InventoryError, match=r"= absent: no such file or folder in the checkout; add it \[source-missing\]"):
        build_images(checkout, binaries)


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        (
            "base: small\n    sources",
            "base: tiny\n    sources",
            r"images\.based\.base = tiny: no such base; use one of small \[base-unknown\]",
        ),
        ("link: /sleeper}", "link: /sleeper, binary: sleeper}", r"names binary and link; keep one of them \[content-twice\]"),
        (
            "sources: [based, alone.py]",
            "files: [{path: /lib/x, link: /y}]",
            r"files\[0\]\.path = /lib/x: .* write /usr/lib/x \[folder-is-link\]",
        ),
        ("environment: {PLACE: here}", "lock: locks/x.txt", r"images\.sleeper\.lock = .*; name a base \[python-without-base\]"),
        ('mode: "1777"', 'mode: "999"', r"is not of the expected form"),
        ("path: /sleeper,", "path: ../sleeper,", r"is not of the expected form"),
        ("arguments:", "argument:", r"no such key; write arguments \[key-unknown\]"),
    ],
    ids=["unknown base", "two contents", "folder that is a link", "python on nothing", "odd mode", "path outside", "unknown key"],
)
def test_a_refused_catalogue_says_why(place: Place, was: str, becomes: str, finding: str) -> None:
    checkout, binaries = place("here")
    assert was in IMAGES
    (checkout.root / IMAGES_FILE).write_text(IMAGES.lstrip().replace(was, becomes, 1))
    with pytest.raises(InventoryError, match=finding):
        build_images(checkout, binaries)
