"""A bundle that is not whole, not signed by whom we trust or not for this tree is refused by name, and the cache stays as it was."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.embedded.bundles.scratch_bundles import GO, Place, export, forge, lacking, make_place, new_signer, parts, snapshot
from tidegate.embedded.bundles import import_bundle as importing
from tidegate.embedded.bundles import trees
from tidegate.embedded.bundles.envelope import header, write_envelope
from tidegate.embedded.bundles.facts import CONTENT, MANIFEST, SIGNATURE
from tidegate.embedded.bundles.import_bundle import import_bundle
from tidegate.embedded.bundles.signature import KEYS, sign
from tidegate.errors import BundleError, UsageError

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def there(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Another machine with the same tree and a cache with something in it."""
    assert bundle.is_file()
    place = make_place(tmp_path / "there", monkeypatch)
    (place.cache / "builds" / "0123456789abcdef").mkdir(parents=True)
    (place.cache / "builds" / "0123456789abcdef" / "mine").write_text("mine")
    return place


def refusal(place: Place, source: str | Path, key: Path | None = None) -> str:
    """What is said when the bundle is refused; nothing in the cache has changed then."""
    before = snapshot(place.cache)
    with pytest.raises((BundleError, UsageError)) as refused:
        import_bundle(place.checkout, str(source), key or Path(source).with_name("team.pub"), lambda _subject, _what: None)
    assert snapshot(place.cache) == before
    return str(refused.value).replace(str(source), "a.bundle")


def test_bundle_of_this_tree_is_taken(there: Place, bundle: Path) -> None:
    import_bundle(there.checkout, str(bundle), bundle.with_name("team.pub"), lambda _subject, _what: None)
    assert lacking(there) == []


def test_committed_key_is_trusted_and_no_other(there: Place, bundle: Path, tmp_path: Path) -> None:
    committed = there.checkout.root / KEYS
    committed.mkdir(parents=True)
    new_signer(tmp_path, "another")
    (committed / "another.pub").write_bytes((tmp_path / "another.pub").read_bytes())
    with pytest.raises(
        BundleError, match=r"is signed with the key \S+=, which is not trusted; trusted: another\.pub \(\S+=\); fetch it from"
    ):
        import_bundle(there.checkout, str(bundle), None, lambda _subject, _what: None)
    (committed / "team.pub").write_bytes((tmp_path / "team.pub").read_bytes())
    assert import_bundle(there.checkout, str(bundle), None, lambda _subject, _what: None).lacking == ()


def test_without_a_trusted_key_it_is_said_how_to_trust_one(there: Place, bundle: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no key is trusted .*; commit the team's as clusters/embedded/bundle-keys/<name>\.pub, or name one with"
    ):
        import_bundle(there.checkout, str(bundle), None, lambda _subject, _what: None)


def test_wrong_key_is_refused_before_anything_is_unpacked(there: Place, bundle: Path, tmp_path: Path) -> None:
    new_signer(tmp_path, "another")
    said = refusal(there, bundle, tmp_path / "another.pub")
    assert re.match(r"a\.bundle is signed with the key \S+=, which is not trusted; trusted: another\.pub \(", said)


def test_file_that_is_no_public_key_is_refused(there: Place, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.pub").write_text("not a key")
    assert re.search(r"odd\.pub cannot be read as a public key on P-256 \(PEM\)", refusal(there, bundle, tmp_path / "odd.pub"))


def where(bundle: Path, name: str, offset: int = 0) -> int:
    """The position of a byte of one of the three files; without a name of the bundle itself, from its end when below zero."""
    if not name:
        return offset % bundle.stat().st_size
    with tarfile.open(bundle) as archive:
        return archive.getmember(name).offset_data + offset


@pytest.mark.parametrize(
    ("name", "offset", "said"),
    [
        ("", 0, r"a\.bundle is no bundle, or damaged: where manifest\.json should begin there is something else"),
        (MANIFEST, 100, r"a\.bundle is cut off in its manifest\.json; fetch it again"),
        (SIGNATURE, 10, r"a\.bundle is cut off in its manifest\.json\.sigstore\.json; fetch it again"),
        (CONTENT, 700, r"a\.bundle is cut off: 700 of \d+ bytes of content are there; fetch it again"),
        ("", -1, r"a\.bundle is cut off at its very end; fetch it again"),
    ],
    ids=["empty", "in its manifest", "in its signature", "in its content", "at its end"],
)
def test_truncated_file_is_refused(there: Place, bundle: Path, name: str, offset: int, said: str) -> None:
    bundle.write_bytes(bundle.read_bytes()[: where(bundle, name, offset)])
    assert re.match(said, refusal(there, bundle))


@pytest.mark.parametrize(
    ("name", "offset", "said"),
    [
        ("", 10, r"a\.bundle is no bundle, or damaged: where manifest\.json should begin"),
        (
            MANIFEST,
            200,
            r"a\.bundle: its manifest is not what was signed with team\.pub; fetch it again, and find",
        ),
        (
            CONTENT,
            700,
            r"a\.bundle is damaged: its content is not what was signed \(SHA-256\); fetch it again",
        ),
        ("", -1, r"a\.bundle is damaged: something follows its content; fetch it again"),
    ],
    ids=["in a header", "in the manifest", "in the content", "behind the content"],
)
def test_flipped_byte_is_refused(there: Place, bundle: Path, name: str, offset: int, said: str) -> None:
    content = bytearray(bundle.read_bytes())
    content[where(bundle, name, offset)] ^= 1
    bundle.write_bytes(content)
    assert re.match(said, refusal(there, bundle))


def test_flipped_bytes_all_over_the_signature_are_refused(there: Place, bundle: Path) -> None:
    content, begin = bytearray(bundle.read_bytes()), where(bundle, SIGNATURE)
    for position in range(begin, begin + len(parts(bundle)[SIGNATURE]), 17):
        content[position] ^= 1
        bundle.write_bytes(content)
        assert re.match(
            r"a\.bundle(: .*its signature |: its manifest is not what was signed| is signed with the key )",
            refusal(there, bundle),
        )
        content[position] ^= 1


def test_damage_is_noticed_even_when_nothing_is_lacking(there: Place, bundle: Path) -> None:
    import_bundle(there.checkout, str(bundle), bundle.with_name("team.pub"), lambda _subject, _what: None)
    content = bytearray(bundle.read_bytes())
    content[where(bundle, CONTENT) + 700] ^= 1
    bundle.write_bytes(content)
    assert re.match(r"a\.bundle is damaged", refusal(there, bundle))


def first_of(kind: str, **changes: object) -> Change:
    """Changes the first entry of a kind."""

    def change(document: dict[str, Any]) -> None:
        next(entry for entry in document["entries"] if entry["kind"] == kind).update(changes)

    return change


def put(key: str, value: object) -> Change:
    """Puts a value into the manifest; the first entry once more for `entries`."""

    def change(document: dict[str, Any]) -> None:
        document[key] = value if key != "entries" else [*document[key], document[key][0]]

    return change


def without_format(document: dict[str, Any]) -> None:
    del document["format"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (first_of("program", path="builds/../../../escaped"), r".*entries\[\d+\].path = builds/\.\./\.\./\.\./escaped: leads out of the cache; .*\[bundle-path\]"),
        (first_of("program", path="/etc/cron.d/escaped"), r".*path = /etc/cron.d/escaped: leads out of the cache; .*\[bundle-path\]"),
        (first_of("program", path="model-keys/team.key"), r".*path = model-keys/team\.key: is not where the cache keeps what is program [0-9a-f]{16};"),
        (first_of("program", path="images/roots/" + "0" * 16), r".*is not where the cache keeps what is program"),
        (first_of("program", key="0" * 16), r".*is not where the cache keeps what is program 0000000000000000; export it again \[bundle-path\]"),
        (first_of("image", blobs=["0" * 64]), r".*entries\[\d+\].blobs = 0{57}\.\.\.: is not in the bundle; export it again \[bundle-blob-missing\]"),
        (first_of("program", owner="me"), r".*entries\[\d+\].owner = me: no such key; remove it \[key-unknown\]"),
        (put("format", 2), r"a\.bundle has the format 2, and this tree reads 1 only; export one with this tree, or take"),
        (without_format, r"a\.bundle has the format None, and this tree reads 1 only"),
        (put("entries", "the first twice"), r".*entries = \S+: two entries have this path; .*\[bundle-path-twice\]"),
        (put("content", {"size_bytes": 9, "sha256": "0" * 64}), r"a\.bundle has \d+ bytes of content; signed are 9; fetch it again"),
        (first_of("program", sha256="0" * 64), r"a\.bundle: program [0-9a-f]{16} is not what was signed; find out how it was made"),
        (first_of("models", size_bytes=512), r"a\.bundle: models [0-9a-f]{16} is not what was signed|the archive of [0-9a-f]{16} in the bundle"),
    ],
    ids=[
        "path with dots", "absolute path", "path of the keys", "path of another kind", "key of another path", "blob that is missing", "unknown key",
        "unknown format", "no format", "path twice", "other size of the content", "other content", "other size of an entry",
    ],
)  # fmt: skip
def test_signed_manifest_that_makes_no_sense_is_refused(there: Place, bundle: Path, tmp_path: Path, change: Change, said: str) -> None:
    forged = forge(bundle, tmp_path / "forged.bundle", new_signer(tmp_path), change)
    found = refusal(there, forged)
    assert re.match(said, found), found


def test_link_that_leads_out_of_its_folder_is_not_followed(there: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root filesystem whose archive first makes a link to a folder outside, and then a file in it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as archive:
        for name, kind, target in (
            (".", tarfile.DIRTYPE, ""),
            ("etc", tarfile.SYMTYPE, str(outside)),
            ("etc/escaped", tarfile.REGTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)

    def pack(_folder: Path, sink: trees.ByteSink, **_: object) -> None:
        sink.write(evil.getvalue())

    with monkeypatch.context() as patched:
        patched.setattr(trees, "pack", pack)
        forged = export(make_place(tmp_path / "forger", patched), tmp_path / "forged.bundle", new_signer(tmp_path))
    there.use(monkeypatch)
    assert re.match(
        r"an archive in the bundle has etc/escaped in what is no folder of it, such as a link that leads out", refusal(there, forged)
    )
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("go", "said"),
    [
        ("go1.25.4 linux/amd64", r"a\.bundle was made from other inputs, and no program in it is one of this tree: Go go1\.26\.6 linux/amd64 \(here go1\.25\.4 linux/amd64\); export"),
        ("go1.26.6 linux/arm64", r"a\.bundle was made from other inputs, .*: Go go1\.26\.6 linux/amd64 \(here go1\.26\.6 linux/arm64\); export"),
    ],
    ids=["other Go", "other platform"],
)  # fmt: skip
def test_bundle_from_other_inputs_is_refused_with_what_differs(
    there: Place, bundle: Path, monkeypatch: pytest.MonkeyPatch, go: str, said: str
) -> None:
    monkeypatch.setenv("GO_HERE", go)
    assert "GO_HERE" in GO
    found = refusal(there, bundle)
    assert re.match(said, found), found


def test_bundle_from_another_tree_names_the_folders_that_differ(there: Place, bundle: Path) -> None:
    for family in ("greetings", "kwok"):
        (there.checkout.root / "clusters/embedded/builds" / family / "go.mod").write_text("module example.org/another")
    found = refusal(there, bundle)
    assert re.search(
        r"no program in it is one of this tree: clusters/embedded/builds [0-9a-f]{16} \(here [0-9a-f]{16}\); export one from this tree",
        found,
    ), found


def test_what_is_no_bundle_is_refused(there: Place, bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tar"
    other.write_bytes(header("notes.txt", 0) + bytes(1024))
    assert refusal(there, other) == "a.bundle is no bundle: where manifest.json should be it has 'notes.txt'"
    other.write_bytes(b"#!/bin/sh\n" * 100)
    assert re.match(r"a\.bundle is no bundle, or damaged: where manifest\.json should begin there is something else", refusal(there, other))
    other.write_bytes(header(MANIFEST, 17 << 20))
    assert refusal(there, other) == "a.bundle has a manifest.json of 17825792 bytes; 16777216 is the most"
    assert refusal(there, bundle.with_name("absent.bundle")) == "a.bundle cannot be read: No such file or directory"


def test_manifest_that_is_no_json_is_refused(there: Place, bundle: Path, tmp_path: Path) -> None:
    content = parts(bundle)[CONTENT]
    with (tmp_path / "forged.bundle").open("wb") as file:
        write_envelope(file, b"{", sign(b"{", new_signer(tmp_path)), io.BytesIO(content), len(content))
    assert refusal(there, tmp_path / "forged.bundle") == "a.bundle: its manifest is not JSON"


def test_full_disk_is_refused_before_anything_is_unpacked(there: Place, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    def disk_usage(_path: Path) -> type[Usage]:
        return Usage

    monkeypatch.setattr(importing.shutil, "disk_usage", disk_usage)
    assert re.match(r"a\.bundle needs 0 MB in \S+, where 0 MB are free; make room", refusal(there, bundle))


def test_failure_while_unpacking_leaves_the_cache_as_it_was(there: Place, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trees, "unpack", full)
    said = r"a\.bundle cannot be unpacked into \S+: \[Errno 28\] No space left on device; correct that and run it again"
    assert re.match(said, refusal(there, bundle))
