"""What one machine has built, another takes from a bundle: everything, once, and only what its own tree asks for."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from tests.tidegate.embedded.bundles.scratch_bundles import Place, Told, export, lacking, make_place, new_signer, parts, snapshot
from tidegate import tools
from tidegate.embedded import example_models
from tidegate.embedded.builds import sources
from tidegate.embedded.bundles import import_bundle as importing
from tidegate.embedded.bundles import pieces, progress
from tidegate.embedded.bundles.export_bundle import bundle_name, export_bundle
from tidegate.embedded.bundles.facts import CONTENT, MANIFEST, SIGNATURE
from tidegate.embedded.bundles.import_bundle import Imported, import_bundle
from tidegate.embedded.fleet import bring_up
from tidegate.errors import BundleError, UsageError

BUILDING = {"build", "base", "root", "train", "schemas", "list", "mod"}
"""Words in the log of the stand-ins that mean that something was built or downloaded."""


@pytest.fixture
def there(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Another machine with the same tree and an empty cache, when the bundle is there."""
    assert bundle.is_file()
    return make_place(tmp_path / "there", monkeypatch)


def take(place: Place, bundle: Path, told: Told | None = None) -> Imported:
    return import_bundle(
        place.checkout,
        str(bundle),
        bundle.with_name("team.pub"),
        lambda subject, what: (told if told is not None else []).append((subject, what)),
    )


def build_as_up_does(place: Place) -> None:
    bring_up.prepare(place.checkout, lambda _subject, _what: None)
    example_models.train(place.checkout)
    sources.add_on_folders(place.checkout)
    sources.kwok_folder(place.checkout)


def test_nothing_is_built_on_a_machine_that_has_taken_a_bundle(here: Place, there: Place, bundle: Path) -> None:
    assert here.asked >= BUILDING
    brought = take(there, bundle)
    assert (brought.lacking, brought.there_already, brought.not_of_this_tree) == ((), 0, 0)
    assert brought.written == {"root": 1, "program": 3, "image": 2, "layer": 1, "blob": 7, "sources": 2, "models": 1, "schemas": 1}
    build_as_up_does(there)
    assert there.asked == {"version"}


def test_cache_is_the_same_on_both_machines(here: Place, there: Place, bundle: Path) -> None:
    take(there, bundle)
    build_as_up_does(there)
    mine, theirs = (
        {path: (one[0] & 0o7111, one[2]) for path, one in snapshot(place.cache).items() if not path.endswith(("/.lock", "/unfinished"))}
        for place in (here, there)
    )
    assert theirs == mine
    assert next(one[0] for path, one in theirs.items() if path.endswith("usr/bin/runc")) == 0o4111


def test_two_exports_differ_in_the_signature_only(
    here: Place, there: Place, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.use(monkeypatch)
    again = export(here, tmp_path / "b.bundle", new_signer(tmp_path))
    there.use(monkeypatch)
    take(there, bundle)
    elsewhere = export(there, tmp_path / "c.bundle", new_signer(tmp_path))
    for other in (again, elsewhere):
        assert [parts(bundle)[name] == parts(other)[name] for name in (MANIFEST, CONTENT)] == [True, True]
        assert len(other.read_bytes()) == len(bundle.read_bytes())


def test_second_import_finds_all_there(there: Place, bundle: Path) -> None:
    first = take(there, bundle)
    before = snapshot(there.cache)
    second = take(there, bundle)
    assert (second.written, second.size_bytes) == ({}, 0)
    assert second.there_already == sum(count for kind, count in first.written.items() if kind != "blob")
    assert snapshot(there.cache) == before


def test_only_what_the_tree_has_changed_is_left_to_be_built(there: Place, bundle: Path) -> None:
    (there.checkout.root / "clusters/embedded/images/images.yaml").write_text(
        (there.checkout.root / "clusters/embedded/images/images.yaml").read_text().replace('"1"\n    base', '"2"\n    base')
    )
    brought = take(there, bundle)
    assert brought.lacking == ("image based",)
    assert brought.not_of_this_tree == 4  # the image's memory, its manifest, its configuration and its own layer
    build_as_up_does(there)
    assert there.asked == {"version"}  # not even its base: its layer is remembered


def test_lost_blob_and_program_come_back(there: Place, bundle: Path) -> None:
    take(there, bundle)
    blob = max((there.cache / "images/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(b"")
    (program,) = there.cache.glob("builds/*/kwok")
    program.unlink()
    assert "program kwok" in lacking(there)
    brought = take(there, bundle)
    assert brought.written["program"] == brought.written["blob"] == 1
    assert lacking(there) == []


def test_name_stands_for_what_is_built(here: Place, there: Place) -> None:
    name = bundle_name(there.checkout)
    assert name == bundle_name(here.checkout)
    assert name.startswith("tidegate-")
    (there.checkout.root / "clusters/embedded/builds/greetings/main.go").write_text("package main // changed")
    assert bundle_name(there.checkout) != name


def test_export_into_a_folder_is_named_after_what_it_holds(here: Place, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    made = export_bundle(here.checkout, tmp_path / "out", new_signer(tmp_path), lambda _subject, _what: None)
    assert made.path == tmp_path / "out" / bundle_name(here.checkout)
    assert made.address in made.path.name
    assert [path.name for path in (tmp_path / "out").iterdir()] == [made.path.name]


def test_export_without_its_folder_or_its_key_builds_nothing(here: Place, tmp_path: Path) -> None:
    signer = new_signer(tmp_path)
    with pytest.raises(UsageError, match=r"/nowhere is no folder; make it first$"):
        export(here, tmp_path / "nowhere" / "a.bundle", signer)
    signer.path.chmod(0o644)
    with pytest.raises(UsageError, match=r"team\.key may be read by others; run chmod 600 on it"):
        export(here, tmp_path / "a.bundle", signer)
    assert here.asked == set()


def test_export_that_cannot_be_written_leaves_no_file(here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tidegate.embedded.bundles.export_bundle.write_envelope", full)
    (tmp_path / "out").mkdir()
    with pytest.raises(
        BundleError, match=r"a\.bundle cannot be written: \[Errno 28\] No space left on device; correct that and run it again"
    ):
        export(here, tmp_path / "out" / "a.bundle", new_signer(tmp_path))
    assert list((tmp_path / "out").iterdir()) == []


def test_signature_is_one_that_openssl_and_sigstores_own_types_take(bundle: Path, tmp_path: Path) -> None:
    from sigstore_models.bundle.v1 import Bundle  # noqa: PLC0415 - takes a second

    tools.run(["tar", "--extract", "--file", str(bundle), "--directory", str(tmp_path)])
    document = json.loads((tmp_path / SIGNATURE).read_text())
    assert Bundle.model_validate_json((tmp_path / SIGNATURE).read_text()).media_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
    (tmp_path / "signature").write_bytes(base64.b64decode(document["messageSignature"]["signature"]))
    command = ["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "team.pub"), "-signature", str(tmp_path / "signature")]
    assert tools.run([*command, str(tmp_path / MANIFEST)]).stdout == "Verified OK\n"
    spki = tools.run(["openssl", "pkey", "-pubin", "-in", str(tmp_path / "team.pub"), "-outform", "DER", "-out", str(tmp_path / "der")])
    assert spki.stdout == ""
    hint = tools.run(["openssl", "dgst", "-sha256", "-r", str(tmp_path / "der")]).stdout.split()[0]
    assert base64.b64decode(document["verificationMaterial"]["publicKey"]["hint"]).hex() == hint


def test_contents_are_one_stream_that_zstd_unpacks(bundle: Path) -> None:
    from backports import zstd  # noqa: PLC0415 - beside its only use

    found = parts(bundle)
    stream = zstd.decompress(found[CONTENT])
    for entry in json.loads(found[MANIFEST])["entries"]:
        content, stream = stream[: entry["size_bytes"]], stream[entry["size_bytes"] :]
        assert entry["kind"] != "program" or content.startswith(f"program {entry['path'].rpartition('/')[2]}".encode())
    assert stream == b""


def test_killed_import_leaves_whole_pieces_and_the_next_one_ends_it(there: Place, bundle: Path) -> None:
    child = os.fork()
    if child == 0:
        publish, published = importing.publish, list[Path]()

        def die_half_way(path: Path, target: Path) -> None:
            publish(path, target)
            published.append(target)
            if len(published) == 4:
                os._exit(9)

        importing.publish = die_half_way
        take(there, bundle)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (there.cache / ".importing").is_dir()
    left = set(lacking(there))
    assert left
    assert all(pieces.is_there(piece) for piece in pieces.wanted(there.checkout) if str(piece) not in left)
    assert set(take(there, bundle).lacking) == set()
    assert lacking(there) == []
    assert not (there.cache / ".importing").exists()


def test_second_import_at_once_waits_and_says_so(there: Place, bundle: Path) -> None:
    there.cache.mkdir(parents=True)
    told: Told = []
    held = os.open(there.cache, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    thread = threading.Thread(target=take, args=(there, bundle, told))
    thread.start()
    deadline = time.monotonic() + 20
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    assert told == [("bundle", "waiting for another process that imports one")]
    os.close(held)
    thread.join(20)
    assert lacking(there) == []


def test_progress_tells_bytes_and_speed(there: Place, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SIGN_OF_LIFE_SECONDS", 0.0)
    told: Told = []
    take(there, bundle, told)
    lines = [what for subject, what in told if subject == "bundle"]
    assert [line for line in lines if line.startswith("checking: 0 of 0 MB, ")]
    assert [line for line in lines if line.startswith("unpacking: 0 of 0 MB, ")]
    assert re.fullmatch(r"unpacking: 0 MB in \d+\.\d s, \d+ MB/s", lines[-2])
    assert lines[-1] == "writing it to the disk"
