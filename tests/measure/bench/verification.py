"""Verifying a signed model, against nothing but hashing the same bytes with hashlib: `verification` of `make bench`."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tidegate.signing.bundles import sign_version
from tidegate.signing.checks.verification import Expected, verify
from tidegate.signing.keys import embedded_signer

LARGE_FILES, LARGE_BYTES = 4, 64 << 20
SMALL_FILES, SMALL_BYTES = 400, 8 << 10
"""A language model's shards and a hundred merchants' small files: 259 MiB in 404 files."""

ROUNDS = 3


def write_model(folder: Path) -> None:
    """Bytes that no file system can leave out, the same in every run."""
    block = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(1 << 15))
    for number in range(LARGE_FILES):
        (folder / f"shard-{number}.bin").write_bytes(block * (LARGE_BYTES // len(block)))
    (folder / "small").mkdir()
    for number in range(SMALL_FILES):
        (folder / "small" / f"{number}.bin").write_bytes(block[number : number + SMALL_BYTES])


def hash_all(folder: Path) -> None:
    """What nobody can do without: every file read and hashed once."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")


def seconds(scratch: Path) -> tuple[float, float]:
    """Seconds of verifying and of hashing: the medians of `ROUNDS` taken in turn, from files that the kernel has in memory."""
    folder = scratch / "model"
    folder.mkdir()
    write_model(folder)
    signer = embedded_signer("bench-key", scratch / "keys")
    stated = sign_version(folder, "bench/model/1", signer)
    expected = Expected(stated.model, stated.sha256, stated.key_id, signer.public_pem())
    hash_all(folder)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        theirs.append(_timed(lambda: hash_all(folder)))
        ours.append(_timed(lambda: verify(folder, expected)))
    return statistics.median(ours), statistics.median(theirs)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> int:
    """This comparison alone, printed."""
    scratch = Path(tempfile.mkdtemp(prefix="tidegate-verification-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        ours, theirs = seconds(scratch)
    finally:
        shutil.rmtree(scratch)
    print(f"verification {ours:.3f} s, hashing alone {theirs:.3f} s, ratio {ours / theirs:.2f} (at most 1.5)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
