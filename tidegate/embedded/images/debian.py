"""Debian root filesystems, made by mmdebstrap from the package sources that this machine itself uses."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tidegate import tools
from tidegate.embedded.images.facts import DebianBase
from tidegate.errors import DoctorError, Finding, ToolError

RECIPE = 1
"""To be raised when the same packages shall give another filesystem than before."""

_EPOCH_SECONDS = "1763683200"
"""2025-11-21 00:00 UTC. Nothing inside is dated later, so that a second build gives the same bytes."""

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
"""Where Debian's package debian-archive-keyring puts Debian's keys."""

_LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*", "/usr/share/doc/*")
_KEPT = ("/usr/share/doc/*/copyright",)

_OF_THIS_MACHINE = (
    "etc/hostname", "etc/resolv.conf", "etc/machine-id", "etc/apt/sources.list", "etc/apt/sources.list.d/*", "var/lib/apt", "var/cache/apt", "var/log/*.log",
    "var/log/apt/*", "var/cache/ldconfig/aux-cache", "var/cache/debconf/*-old", "var/lib/dpkg/*-old", "etc/*-",
)  # fmt: skip
"""What tells where or when it was built."""

_COMPILE_PYTHON = "PYTHONHASHSEED=0 python3 -m compileall -qq -f --invalidation-mode unchecked-hash /usr/lib/python3*"


def ensure_host_package(program: str, package: str, on_progress: Callable[[str], None]) -> None:
    """Installs Debian's `package` on this machine when `program` is missing; raises `DoctorError` when we may not."""
    if tools.find(program):
        return
    if os.geteuid() != 0 or not tools.find("apt-get"):
        raise DoctorError([
            Finding("this machine", program, "program-missing", "not installed", f"install the package {package} (apt-get install {package})")
        ])  # fmt: skip
    on_progress(f"installing {package} on this machine")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        tools.run(install, env=quiet)
    except ToolError:  # the package lists are missing or older than the mirror
        tools.run(["apt-get", "update"], env=quiet)
        tools.run(install, env=quiet)


def base_filesystem(release: str, base: DebianBase, archive: Path, on_progress: Callable[[str], None]) -> None:
    """Writes the root filesystem of `base` into the tar file `archive`. Errors as `make_filesystem`."""
    hooks = [_add_user(name, number) for name, number in sorted(base.users.items())]
    if base.compiles_python:
        hooks.append(f'chroot "$1" sh -c "{_COMPILE_PYTHON}"')
    make_filesystem(release, base.packages, archive, on_progress, form="tar", hooks=hooks)


def _add_user(name: str, number: int) -> str:
    """Without useradd, which would be one more package in every image."""
    return (
        f'cd "$1" && echo {name}:x:{number}: >>etc/group && echo {name}:x:{number}:{number}::/home/{name}:/usr/sbin/nologin >>etc/passwd'
        f" && install -d -o {number} -g {number} home/{name}"
    )


def make_filesystem(
    release: str, packages: Sequence[str], target: Path, on_progress: Callable[[str], None], *, form: str, hooks: Sequence[str] = ()
) -> None:
    """Installs `packages` and what they need into a new root filesystem at `target`, as a `directory` or a `tar` file.

    No service is started. Raises `DoctorError` when mmdebstrap or package sources are missing, `ToolError` when it fails.
    """
    ensure_host_package("mmdebstrap", "mmdebstrap", on_progress)
    sources = package_sources(release)
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "sources.list"
        listed.write_text("".join(f"{line}\n" for line in sources), encoding="utf-8")
        Path(folder).chmod(0o755)  # apt reads it as a user of its own
        command = bootstrap_command(release, packages, target, listed, form=form, hooks=hooks)
        tools.stream(
            command, lambda line: _tell(line, on_progress), env={"SOURCE_DATE_EPOCH": _EPOCH_SECONDS, "TMPDIR": str(target.parent)}
        )


def bootstrap_command(
    release: str, packages: Sequence[str], target: Path, sources: Path, *, form: str, hooks: Sequence[str] = ()
) -> list[str]:
    """The call of mmdebstrap. `essential` is Debian's smallest set: without apt, which nobody calls in there."""
    return [
        "mmdebstrap", "--variant=essential", f"--format={form}", "--skip=output/dev", "--skip=cleanup/apt",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        *(f"--dpkgopt=path-include={pattern}" for pattern in _KEPT),
        f"--include={','.join(sorted(packages))}",
        *(f"--customize-hook={hook}" for hook in hooks),
        f'--customize-hook=cd "$1" && rm -rf {" ".join(_OF_THIS_MACHINE)}',
        release, str(target), str(sources),
    ]  # fmt: skip


def package_sources(release: str) -> list[str]:
    """The lines of apt's configuration here that stand for Debian's `release`, its updates and its security fixes.

    Raises `DoctorError` when there are none, as on another distribution.
    """
    form = "$(CODENAME)|$(COMPONENT)|$(REPO_URI)|$(SIGNED_BY)"
    known = (
        tools.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"])
        if tools.find("apt-get")
        else None
    )
    found = list(_lines(release, known.stdout)) if known else []
    if not found:
        raise DoctorError([
            Finding(
                "this machine", "apt", "package-sources-missing", f"apt knows no packages of Debian {release}",
                f"run this on Debian {release} after apt-get update",
            )
        ])  # fmt: skip
    return found


def _lines(release: str, printed: str) -> Iterator[str]:
    for line in printed.splitlines():
        suite, component, address, signed_by = line.split("|")
        if suite == release or suite.startswith(f"{release}-"):
            # An unset field is printed as its own name.
            yield f"deb [signed-by={signed_by if signed_by.startswith('/') else _KEYRING}] {address} {suite} {component}"


def _tell(line: str, on_progress: Callable[[str], None]) -> None:
    if said := re.fullmatch(r"I: (.+)\.\.\.", line.strip()):
        on_progress(said[1])
