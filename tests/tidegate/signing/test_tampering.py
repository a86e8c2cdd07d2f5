"""Whatever is done to a signed model, it is refused with the reason; and a good one never is."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.tidegate.signing.signed_models import OTHER, signed
from tests.tidegate.signing.tamper_classes import CASES, SIG, STATEMENT, append
from tidegate.signing.checks import files, verification
from tidegate.signing.checks.refusal import Refusal
from tidegate.signing.checks.verification import Expected, verify


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    folder = tmp_path_factory.mktemp("original") / "model"
    return folder, signed(folder)


@pytest.mark.parametrize("name", CASES)
def test_tampered_model_is_refused_with_the_reason(name: str, original: tuple[Path, Expected], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(original[0], tmp_path / "model"))
    tamper, message = CASES[name]
    verify(folder, original[1])
    tamper(folder)
    with pytest.raises(Refusal, match=message) as refused:
        verify(folder, original[1])
    assert "\n" not in str(refused.value)


def test_there_are_more_classes_than_were_asked_for() -> None:
    assert len(CASES) >= 40


def pem(key: Any) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


EXPECTATIONS: dict[str, tuple[dict[str, str], str]] = {
    "wrong-key": ({"public_key": OTHER.public_pem()}, "the signature of model.statement does not hold"),
    "no-key": ({"public_key": ""}, "the public key cannot be read"),
    "private-key-of-nobody": (
        {"public_key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
        "the public key cannot be read",
    ),
    "key-of-another-curve": ({"public_key": pem(ec.generate_private_key(ec.SECP384R1()))}, "not on the curve P-256"),
    "key-of-another-kind": ({"public_key": pem(rsa.generate_private_key(65537, 2048))}, "not on the curve P-256"),
    "another-key-id": ({"key_id": "scoring-release"}, "names the key 'fraud-release' instead of 'scoring-release'"),
    "another-digest": ({"sha256": "1" * 64}, "the tenant's file names 1111"),
    "another-tenant": ({"model": "credit/scorer/2"}, "is about 'fraud/scorer/2'; expected is 'credit/scorer/2'"),
}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_good_model_is_refused_as_another_than_it_is(name: str, original: tuple[Path, Expected]) -> None:
    changed, message = EXPECTATIONS[name]
    with pytest.raises(Refusal, match=message):
        verify(original[0], replace(original[1], **changed))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_device_is_refused(original: tuple[Path, Expected], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(original[0], tmp_path / "model"))
    try:
        os.mknod(folder / "more", 0o020600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this container makes no devices")
    with pytest.raises(Refusal, match="'more' is a device"):
        verify(folder, original[1])


RACES: dict[str, Callable[[Path], object]] = {
    "rewritten": lambda folder: (folder / "model.txt").write_bytes(b"other\n" * 400),
    "replaced": lambda folder: [(folder / "x").write_bytes(b"trees\n" * 400), (folder / "x").rename(folder / "model.txt")],
    "grown": lambda folder: append(folder / "model.txt"),
    "cut": lambda folder: os.truncate(folder / "model.txt", 5),
    "replaced-by-a-pipe": lambda folder: [(folder / "model.txt").unlink(), os.mkfifo(folder / "model.txt")],
    "replaced-by-a-link": lambda folder: [(folder / "model.txt").unlink(), (folder / "model.txt").symlink_to("MLmodel")],
    "removed": lambda folder: (folder / "model.txt").unlink(),
}


@pytest.mark.parametrize("change", RACES)
def test_file_changed_after_the_look_is_refused(
    change: str, original: tuple[Path, Expected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(original[0], tmp_path / "model"))
    read, changed = files.digest, [False]

    def change_first(where: Path, name: str, seen: files.FileState) -> str:
        if not changed[0]:
            changed[0] = True
            RACES[change](folder)
        return read(where, name, seen)

    monkeypatch.setattr(verification, "digest", change_first)
    with pytest.raises(Refusal, match=r"'model\.txt' (was changed while it was verified|cannot be read)"):
        verify(folder, original[1])


def test_file_added_while_others_are_read_is_refused(
    original: tuple[Path, Expected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(original[0], tmp_path / "model"))
    read = files.digest

    def add(where: Path, name: str, seen: files.FileState) -> str:
        (folder / "zz.py").write_text("import evil")
        return read(where, name, seen)

    monkeypatch.setattr(verification, "digest", add)
    with pytest.raises(Refusal, match="added, removed or replaced while they were verified"):
        verify(folder, original[1])


def test_too_many_files_are_refused_before_any_is_read(original: tuple[Path, Expected], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILES_MAX", 3)
    with pytest.raises(Refusal, match="more than 3 files"):
        verify(*original)


def test_a_thousand_good_models_verify(tmp_path: Path) -> None:
    """A hundred models of random shape, each verified ten times, as ten replicas would."""
    shapes = random.Random(20261121)
    verified = 0
    for number in range(100):
        content = {
            f"{'d/' * shapes.randrange(4)}f{index}.bin": shapes.randbytes(shapes.randrange(1, 5000))
            for index in range(shapes.randrange(1, 12))
        }
        folder = tmp_path / str(number)
        expected = signed(folder, f"fraud/scorer/{number}", files=content)
        for _ in range(10):
            found = verify(folder, expected)
            verified += found.files == len(content) and found.size_bytes == sum(map(len, content.values()))
    assert verified == 1000


def test_digest_is_the_one_that_training_writes(original: tuple[Path, Expected]) -> None:
    """The index's rule, over the files without their signatures."""

    names = sorted(
        path.relative_to(original[0]).as_posix() for path in original[0].rglob("*") if path.is_file() and path.name not in {SIG, STATEMENT}
    )
    lines = "".join(f"{name}\0{hashlib.sha256((original[0] / name).read_bytes()).hexdigest()}\n" for name in names)
    assert hashlib.sha256(lines.encode()).hexdigest() == original[1].sha256
