"""Apache HttpClient as its users have it: jars from Maven's registry, pinned by hash, and a program of ours in one file.

Maven takes the jars as extensions of a project that builds nothing: 7 MiB. Its dependency plugin brings 25 MiB of its own for the same jars,
and took 130 s where this took 30 (2026-11-30). None of the jars has anything that Maven would run before its hash is known.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import cache_folder
from tidegate.embedded.digest import key_of
from tidegate.tools import files

LOCK = ROOT / "locks/clients.jars"
PROGRAM = Path(__file__).with_name("Ask.java")
RECIPE = 1
"""To be raised when the same lock shall give another folder than before."""

_SMALL_AND_SOON = ("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Of Java: it lives for one request."""


def site() -> Path:
    """The folder of the jars. A test without a JDK or Maven, which nothing else here needs, is skipped and says so."""
    if lacking := what_is_lacking():
        pytest.skip(lacking)
    return jars_folder()


def what_is_lacking() -> str:
    """What this machine lacks to try the client; empty when it can."""
    needed = {"javac": "default-jdk-headless", "mvn": "maven"}
    found = [f"{program} (Debian's package {package})" for program, package in needed.items() if not tools.find(program)]
    return f"Apache HttpClient is not tried: install {' and '.join(found)}" if found else ""


def command(jars: Path, *asked: str) -> list[str]:
    """Asks for each of `asked`, which are as `Ask.java` says."""
    return ["java", *_SMALL_AND_SOON, "-cp", f"{jars}/*", str(PROGRAM), *asked]


def jars_folder() -> Path:
    """The jars of the lock in a folder of the cache. Raises `ToolError` when one cannot be had, `ValueError` when one is another."""
    text = LOCK.read_text(encoding="utf-8")
    folder = cache_folder() / "jars" / key_of("jars", RECIPE, text)
    if folder.is_dir():
        return folder
    wanted = {jar: digest for jar, _, digest in (line.partition(" --hash=sha256:") for line in text.splitlines())}
    with files.folder_in_the_making(folder) as unfinished:
        for jar, path in _fetched(unfinished, list(wanted)):
            _refuse_another(jar, _digest(path), wanted[jar])
            path.rename(unfinished / path.name)
        shutil.rmtree(unfinished / _REPOSITORY)
    return folder


def _refuse_another(jar: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise ValueError(f"{LOCK.relative_to(ROOT)}: {jar} has the hash {found}, not {wanted}; do not use it")


_REPOSITORY = "repository"


def _fetched(folder: Path, jars: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Each of `jars`, `group:artifact:version`, and where Maven put it below `folder`."""
    parts = [jar.split(":") for jar in jars]
    extensions = "".join(
        f"<extension><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></extension>"
        for group, artifact, version in parts
    )
    project = (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>local</groupId>'
        "<artifactId>clients</artifactId><version>1</version><packaging>pom</packaging>"
        f"<build><extensions>{extensions}</extensions></build></project>"
    )
    repository = folder / _REPOSITORY
    repository.mkdir()
    (repository / "pom.xml").write_text(project, encoding="utf-8")
    tools.run(
        ["mvn", "--batch-mode", "--quiet", "--strict-checksums", f"-Dmaven.repo.local={repository}", "--file", str(repository / "pom.xml"), "validate"],
        timeout_seconds=300,
    )  # fmt: skip
    for jar, (group, artifact, version) in zip(jars, parts, strict=True):
        yield jar, repository / group.replace(".", "/") / artifact / version / f"{artifact}-{version}.jar"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(jars: Sequence[str]) -> None:
    """Prints the lock of `jars`, for `locks/update`."""
    with tempfile.TemporaryDirectory() as folder:
        for jar, path in _fetched(Path(folder), jars):
            sys.stdout.write(f"{jar} --hash=sha256:{_digest(path)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
