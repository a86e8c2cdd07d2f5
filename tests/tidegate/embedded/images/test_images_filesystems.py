"""Root filesystems and Python packages: asked for rightly, the same everywhere, made once and never half."""

from __future__ import annotations

import marshal
import os
import sys
from pathlib import Path

import pytest

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.images import debian, layers, machine_root, python_site
from tidegate.embedded.images.build import IMAGES_FILE
from tidegate.embedded.images.facts import DebianBase
from tidegate.errors import DoctorError, InventoryError, ToolError

IMAGES = """
release: bookworm
machine:
  packages: [runc, git]
  files:
    - {path: /usr/local/share/empty, mode: "0700"}
    - {path: /usr/local/bin/greeter, wheel: {lock: greeter.txt, file: greeter/program}}
bases: {}
images:
  unused: {tag: "1", entrypoint: [/unused], user: 1}
"""
UV = """#!/bin/sh
while [ $# -gt 0 ]; do
    [ "$1" = --target ] && folder=$2
    shift
done
mkdir -p "$folder/bin" "$folder/greeter" "$folder/greeter-1.dist-info"
echo "#!$0" >"$folder/bin/greet"
touch "$folder/.lock"
date >"$folder/greeter-1.dist-info/RECORD"
echo "Name: greeter" >"$folder/greeter-1.dist-info/METADATA"
echo "def greet(): return {'hello', 'world'}" >"$folder/greeter/__init__.py"
echo "def {{ template }}" >"$folder/greeter/template.py"
echo "program" >"$folder/greeter/program"
chmod 755 "$folder/greeter/program"
"""
MMDEBSTRAP = """#!/bin/sh
echo "I: extracting archives..."
echo "W: something else"
for argument; do
    case $argument in --*) ;; *) break ;; esac
    shift
done
printf '%s\\n' "$@" >>"$ASKED"
cat "$3" >>"$ASKED"
mkdir -p "$2/usr/bin"
echo program >"$2/usr/bin/runc"
[ ! -e "$ASKED.fails" ]
"""
APT = """#!/bin/sh
echo 'bookworm|main|http://debian.example/debian/|/keys/ours.gpg'
echo 'bookworm-security|main|http://debian.example/security/|$(SIGNED_BY)'
echo 'trixie|main|http://debian.example/debian/|$(SIGNED_BY)'
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def new_checkout(root: Path) -> Checkout:
    write_program(root / ".venv/bin/uv", UV)
    (root / ".venv/bin/python").symlink_to(sys.executable)
    (root / IMAGES_FILE).parent.mkdir(parents=True)
    (root / IMAGES_FILE).write_text(IMAGES.lstrip())
    (root / "greeter.txt").write_text("greeter==1\n")
    return Checkout(root)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout beside programs that stand for apt and mmdebstrap, which need root and the network."""
    write_program(tmp_path / "bin/mmdebstrap", MMDEBSTRAP)
    write_program(tmp_path / "bin/apt-get", APT)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return new_checkout(tmp_path / "checkout")


def quiet(_line: str) -> None:
    pass


class Commands(list[list[str]]):
    """Takes the place of a door to the outside and remembers what would have been started."""

    def __call__(self, command: list[str], *_: object, **__: object) -> None:
        self.append(command)


def test_the_machine_root_is_made_once_of_packages_and_files(checkout: Checkout, tmp_path: Path) -> None:
    told: list[str] = []
    folder = machine_root(checkout, told.append)
    assert told[:2] == ["making the machines' root filesystem from Debian bookworm, about a minute", "extracting archives"]
    assert (folder / "usr/bin/runc").read_text() == "program\n"
    assert (folder / "usr/local/share/empty").stat().st_mode & 0o7777 == 0o700
    assert (folder / "usr/local/bin/greeter").stat().st_mode & 0o7777 == 0o755
    asked = (tmp_path / "asked").read_text()
    told.clear()
    assert machine_root(checkout, told.append) == folder
    assert (told, (tmp_path / "asked").read_text()) == ([], asked)


def test_another_package_makes_another_machine_root(checkout: Checkout) -> None:
    folder = machine_root(checkout)
    (checkout.root / IMAGES_FILE).write_text(IMAGES.lstrip().replace("[runc, git]", "[runc]"))
    assert machine_root(checkout) != folder


def test_a_failed_machine_root_leaves_nothing_and_says_why(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "asked.fails").touch()
    with pytest.raises(ToolError, match="W: something else"):
        machine_root(checkout)
    assert list((tmp_path / "cache/tidegate/images/roots").iterdir()) == []


def test_an_interrupted_machine_root_is_made_again(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_entries: object, _root: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(layers, "place", interrupted)
        with pytest.raises(KeyboardInterrupt):
            machine_root(checkout)
    assert list((tmp_path / "cache/tidegate/images/roots").iterdir()) == []
    assert machine_root(checkout).is_dir()


def test_packages_come_from_where_this_machine_gets_its_own(checkout: Checkout, tmp_path: Path) -> None:
    machine_root(checkout)
    assert (tmp_path / "asked").read_text().splitlines()[3:] == [
        "deb [signed-by=/keys/ours.gpg] http://debian.example/debian/ bookworm main",
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://debian.example/security/ bookworm-security main",
    ]


@pytest.mark.usefixtures("checkout")
def test_a_machine_without_that_debian_is_refused() -> None:
    with pytest.raises(DoctorError, match=r"apt knows no packages of Debian sid; run this on Debian sid .*\[package-sources-missing\]"):
        debian.package_sources("sid")


@pytest.mark.usefixtures("checkout")
def test_a_missing_program_is_installed_by_root_and_asked_for_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Commands()
    monkeypatch.setattr(tools, "run", ran)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DoctorError, match=r"no-such-tool: not installed; .*apt-get install its-package\) \[program-missing\]"):
        debian.ensure_host_package("no-such-tool", "its-package", quiet)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    debian.ensure_host_package("no-such-tool", "its-package", quiet)
    debian.ensure_host_package("sh", "dash", quiet)
    assert ran == [["apt-get", "install", "--yes", "--no-install-recommends", "its-package"]]


def test_a_base_has_its_users_and_nothing_of_the_building_machine(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands()
    monkeypatch.setattr(tools, "stream", commands)
    base = DebianBase(packages=("git", "apt"), users={"server": 1000}, compiles_python=True)
    debian.base_filesystem("bookworm", base, checkout.root / "base.tar", quiet)
    (command,) = commands
    hooks = [argument.removeprefix("--customize-hook=") for argument in command if argument.startswith("--customize-hook=")]
    assert "server:x:1000:1000::/home/server:/usr/sbin/nologin >>etc/passwd" in hooks[0]
    assert "--invalidation-mode unchecked-hash" in hooks[1]
    for left in ("etc/hostname", "etc/resolv.conf", "etc/machine-id", "etc/apt/sources.list.d/*", "var/log/apt/*"):
        assert left in hooks[2].split()
    assert "--include=apt,git" in command


def test_python_packages_are_the_same_in_every_checkout(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = python_site.site_folder(checkout, "greeter.txt", quiet)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    there = python_site.site_folder(new_checkout(tmp_path / "elsewhere"), "greeter.txt", quiet)
    assert here != there
    found = {path.relative_to(here): path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert found == {path.relative_to(there): path.read_bytes() for path in there.rglob("*") if path.is_file()}
    assert not [path for path in found if path.name in {"RECORD", "greet", ".lock"}]


def test_compiled_python_holds_whatever_date_a_file_bears(checkout: Checkout) -> None:
    (compiled,) = (python_site.site_folder(checkout, "greeter.txt", quiet) / "greeter/__pycache__").glob("__init__.*.pyc")
    content = compiled.read_bytes()
    assert int.from_bytes(content[4:8], "little") == 0b01, "by hash, and nobody compares it (PEP 552)"
    assert marshal.loads(content[16:]).co_filename == "/opt/site/greeter/__init__.py"


def test_a_missing_lock_is_a_finding(checkout: Checkout) -> None:
    with pytest.raises(InventoryError, match=r"absent.txt: no such file; .*\[lock-missing\]"):
        python_site.site_folder(checkout, "absent.txt", quiet)


def test_packages_that_cannot_be_had_leave_nothing(checkout: Checkout, tmp_path: Path) -> None:
    write_program(checkout.root / ".venv/bin/uv", "#!/bin/sh\necho no such package >&2\nexit 2\n")
    with pytest.raises(ToolError, match="no such package"):
        python_site.site_folder(checkout, "greeter.txt", quiet)
    assert list((tmp_path / "cache/tidegate/images/sites").iterdir()) == []
