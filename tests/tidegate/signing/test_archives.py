"""A model that is one zip is unpacked after it was verified, and only if nothing in it could do harm."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.signing.checks import archives
from tidegate.signing.checks.refusal import Refusal

RESERVED = {"model.sig", "model.statement"}


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


def put(*names: str, content: bytes = b"x") -> Callable[[zipfile.ZipFile], None]:
    def write(archive: zipfile.ZipFile) -> None:
        for name in names:
            archive.writestr(entry(name), content)

    return write


def bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr(entry("zeros.bin"), bytes(300 << 20), zipfile.ZIP_DEFLATED)


def encrypted(archive: zipfile.ZipFile) -> None:
    archive.writestr(made := entry("secret.bin"), b"x")
    made.flag_bits |= 1


def by_unknown_method(archive: zipfile.ZipFile) -> None:
    archive.writestr(entry("a.bin"), b"x", zipfile.ZIP_LZMA)


HARMFUL: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "up-and-out": (put("../../etc/passwd"), "the name '../../etc/passwd' is no plain relative path"),
    "absolute": (put("/etc/passwd"), "the name '/etc/passwd' is no plain relative path"),
    "up-in-the-middle": (put("a/../../b"), "is no plain relative path"),
    "backslashes": (put("..\\..\\b"), "is no plain relative path"),
    "name-with-escape": (put("a\x1b[2Jb"), "has an invisible character"),
    "symbolic-link": (
        lambda archive: archive.writestr(entry("link", stat.S_IFLNK | 0o777), "/etc/passwd"),
        "'link' in the archive is no plain file",
    ),
    "device": (lambda archive: archive.writestr(entry("dev", stat.S_IFCHR | 0o666), ""), "'dev' in the archive is no plain file"),
    "bomb": (bomb, "the archive would unpack from .* to 314572800 bytes"),
    "nested-zip": (put("inner.zip"), "'inner.zip' is an archive in the archive"),
    "nested-tar": (put("a/inner.tar.gz"), "'a/inner.tar.gz' is an archive in the archive"),
    "clash-by-case": (put("A.txt", "a.txt"), "'A.txt' and 'a.txt' differ in case only"),
    "encrypted": (encrypted, "'secret.bin' in the archive is encrypted"),
    "unknown-method": (by_unknown_method, "'a.bin' in the archive is packed by an unknown method"),
    "replaces-the-signature": (put("model.sig"), "'model.sig' in the archive would replace what was verified"),
    "empty": (put(), "the archive has 0 files"),
}


def packed(folder: Path, write: Callable[[zipfile.ZipFile], None]) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(folder / "models.zip", "w") as archive:
        write(archive)
    return folder


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_archive_is_refused_and_nothing_written(name: str, tmp_path: Path) -> None:
    write, message = HARMFUL[name]
    folder = packed(tmp_path / "model", write)
    with pytest.raises(Refusal, match=message):
        archives.unpack(folder, "models.zip", RESERVED)
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "models.zip"]


def test_same_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        folder = packed(tmp_path / "model", put("a.txt", "a.txt"))
    with pytest.raises(Refusal, match="the archive has a name twice"):
        archives.unpack(folder, "models.zip", RESERVED)


def test_damaged_archive_is_refused(tmp_path: Path) -> None:
    folder = packed(tmp_path / "model", put("a.bin", content=b"weights" * 100))
    content = bytearray((folder / "models.zip").read_bytes())
    content[200] ^= 1
    (folder / "models.zip").write_bytes(content)
    with pytest.raises(Refusal, match=r"'models\.zip' cannot be unpacked: .*CRC"):
        archives.unpack(folder, "models.zip", RESERVED)


def test_no_archive_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models.zip").write_text("not packed")
    with pytest.raises(Refusal, match="cannot be unpacked: 'File is not a zip file'"):
        archives.unpack(tmp_path, "models.zip", RESERVED)


def test_good_archive_gives_its_files(tmp_path: Path) -> None:
    folder = packed(tmp_path / "model", put("settings.json", "merchant-1/model.joblib"))
    assert archives.unpack(folder, "models.zip", RESERVED) == 2
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "merchant-1/model.joblib",
        "settings.json",
    ]


@pytest.mark.parametrize(
    ("names", "found"),
    [({"models.zip"}, "models.zip"), ({"model.txt"}, None), ({"a.zip", "b.txt"}, None), (set[str](), None)],
    ids=["one-zip", "one-file", "zip-among-files", "nothing"],
)
def test_only_a_lone_zip_is_unpacked(names: set[str], found: str | None) -> None:
    assert archives.packed(names) == found


def test_lone_tar_is_refused() -> None:
    with pytest.raises(Refusal, match=r"'models\.tar\.gz' is an archive that is not unpacked"):
        archives.packed({"models.tar.gz"})
