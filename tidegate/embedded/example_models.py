"""The embedded region's model registry: trained once on this machine, kept by what it was made of, put into each region.

The program that trains runs in an environment of its own, because what it needs must be the model servers' versions.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate import tools
from tidegate.checkout import Checkout, cache_folder
from tidegate.cloud.account import own_errors
from tidegate.embedded.digest import of_paths
from tidegate.embedded.model_index import INDEX, read_index
from tidegate.errors import DoctorError, Finding

if TYPE_CHECKING:  # the stubs are a test dependency
    from mypy_boto3_s3 import S3Client

SOURCES = Path("clusters/embedded/demo/training")
_IMPORTED = ("clusters/embedded/demo/application_features.py", "clusters/workloads/ngram_server/ngrams.py")
"""What the program learns with beside its own folder: a server or a transformer runs the same file."""
LOCK = Path("locks/models.txt")
PYTHON = Path(".venv-models/bin/python")
"""The environment that `make` installs `LOCK` into."""

_SHA256 = "sha256"
"""The metadata of an object that says what is in it; its ETag does not when the bucket is encrypted by KMS."""

_CONNECTIONS = 8
"""Half a region's objects fit one round; more would only queue at the emulator, which answers one at a time."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What putting a registry into one bucket took: objects sent, and those that were there already."""

    bucket: str
    sent: int
    kept: int


def train(checkout: Checkout, on_progress: Callable[[str, str], None] = lambda _subject, _what: None) -> Path:
    """The folder with every trained model, from the cache or after training (half a minute on one core).

    `on_progress` is called with "models" and each line that the program prints. Raises `DoctorError` when the environment is
    missing and `ToolError` when training fails. What a killed run left is never taken for a registry.
    """
    folder = trained_folder(checkout)
    if (folder / INDEX).is_file():
        return folder
    python = checkout.root / PYTHON
    if not python.is_file():
        raise DoctorError([Finding(PYTHON.as_posix(), "", "models-environment-missing", "is not there", "run `make setup-models`")])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch) / "registry"
        command = [str(python), "-m", "clusters.embedded.demo.training.train", "--out", str(made)]
        # One thread, as the server has: sums over several threads differ in their last bits.
        environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        tools.stream(command, lambda line: on_progress("models", line), cwd=checkout.root, env=environment)
        if not (folder / INDEX).is_file():  # else another process was faster, with the same bytes
            made.rename(folder)
    return folder


def trained_folder(checkout: Checkout) -> Path:
    """Where `train` keeps what this checkout's program trains, whether it is there or not."""
    return cache_folder() / "models" / _key(checkout)


@own_errors()
def upload(
    folder: Path, registries: Mapping[str, S3Client], on_progress: Callable[[str, str], None] = lambda _subject, _what: None
) -> list[Uploaded]:
    """Puts every file of the registry at `folder` into each bucket, except what is there with the same content.

    `registries` are clients by bucket (see `tidegate.cloud.model_buckets`). Raises `CloudError` when S3 refuses or does not answer, and
    `UsageError` when the folder is no registry. Nothing is ever deleted: an older version may still be served.
    """
    return _put(_files(folder), registries, on_progress)


@own_errors()
def upload_folder(
    folder: Path, registries: Mapping[str, S3Client], on_progress: Callable[[str, str], None] = lambda _subject, _what: None
) -> list[Uploaded]:
    """As `upload`, for a folder of versions without an index."""
    return _put(
        {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}, registries, on_progress
    )


def _put(files: Mapping[str, Path], registries: Mapping[str, S3Client], on_progress: Callable[[str, str], None]) -> list[Uploaded]:
    done: list[Uploaded] = []
    for bucket, client in sorted(registries.items()):
        there = _sizes(client, bucket)

        def put(key: str, bucket: str = bucket, client: S3Client = client, there: Mapping[str, int] = there) -> bool:
            content = files[key].read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if there.get(key) == len(content) and client.head_object(Bucket=bucket, Key=key)["Metadata"].get(_SHA256) == digest:
                return False
            client.put_object(Bucket=bucket, Key=key, Body=content, Metadata={_SHA256: digest})
            return True

        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            sent = sum(threads.map(put, files))
        done.append(Uploaded(bucket, sent, len(files) - sent))
        on_progress("models", f"{bucket}: {sent} objects sent, {len(files) - sent} there already")
    return done


@own_errors()
def empty(registries: Mapping[str, S3Client]) -> int:
    """Deletes every version of every object in the buckets, locked ones too; how many that were.

    For the emulated account only: a bucket that holds versions cannot be taken down, and AWS would refuse this to most.
    """
    deleted = 0
    for bucket, client in sorted(registries.items()):
        if bucket not in {entry.get("Name") for entry in client.list_buckets().get("Buckets", [])}:
            continue
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                client.delete_object(
                    Bucket=bucket, Key=entry.get("Key", ""), VersionId=entry.get("VersionId", ""), BypassGovernanceRetention=True
                )
                deleted += 1
    return deleted


def _files(folder: Path) -> dict[str, Path]:
    """Every file by its key, those of the index last: who finds a version in it must find its files."""
    read_index(folder)
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {key: path for key, path in found.items() if key != INDEX} | {INDEX: found[INDEX]}


def _sizes(client: S3Client, bucket: str) -> dict[str, int]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry.get("Key", ""): entry.get("Size", -1) for page in pages for entry in page.get("Contents", [])}


def _key(checkout: Checkout) -> str:
    """Names everything that decides the bytes: the program and the lock of what it imports."""
    imported = (path for pattern in _IMPORTED for path in checkout.root.glob(pattern))
    return of_paths(checkout.root, (*sorted((checkout.root / SOURCES).glob("*.py")), *imported, checkout.root / LOCK))
