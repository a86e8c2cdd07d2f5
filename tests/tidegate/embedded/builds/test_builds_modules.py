"""A module's source is found in the version that a family pins, and building pins nothing on the way."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tidegate.embedded.builds.scratch_builds import edit, quietly
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds import go_programs
from tidegate.errors import ToolError, UsageError


@pytest.fixture
def with_dependency(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """The family uses a module that only a file proxy of ours has, and Go's module cache is empty."""
    proxy = tmp_path / "proxy" / "example.org" / "colours" / "@v"
    proxy.mkdir(parents=True)
    (proxy / "list").write_text("v1.0.0\n")
    (proxy / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (proxy / "v1.0.0.mod").write_text("module example.org/colours\n")
    with zipfile.ZipFile(proxy / "v1.0.0.zip", "w") as archive:
        archive.writestr("example.org/colours@v1.0.0/go.mod", "module example.org/colours\n")
        archive.writestr("example.org/colours@v1.0.0/colours.go", 'package colours\n\nconst Red = "red"\n')
    for name, value in {"GOPROXY": f"file://{tmp_path / 'proxy'}", "GOMODCACHE": str(tmp_path / "modules"), "GONOSUMDB": "*"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOFLAGS", "-modcacherw -mod=mod")
    edit(checkout, "greetings/main.go", 'import "os"', 'import (\n\t"os"\n\n\t_ "example.org/colours"\n)')
    tools.run(["go", "mod", "tidy"], cwd=checkout.root / go_programs.PROGRAMS_FILE.parent / "greetings")
    shutil.rmtree(tmp_path / "modules")
    return checkout


def test_module_is_downloaded_once_in_the_version_that_the_family_pins(
    with_dependency: Checkout, tmp_path: Path, go_calls: Callable[[], list[str]]
) -> None:
    family = with_dependency.root / go_programs.PROGRAMS_FILE.parent / "greetings"
    pinned = [(family / name).read_bytes() for name in ("go.mod", "go.sum")]
    folder = go_programs.module_folder(with_dependency, "greetings", "example.org/colours")
    assert folder == tmp_path / "modules" / "example.org" / "colours@v1.0.0"
    assert (folder / "colours.go").is_file()
    assert go_calls() == ["list", "mod", "list"]
    assert go_programs.module_folder(with_dependency, "greetings", "example.org/colours") == folder
    assert go_calls() == ["list", "mod", "list", "list"]
    assert [(family / name).read_bytes() for name in ("go.mod", "go.sum")] == pinned


def test_import_that_is_not_pinned_is_refused_and_nothing_is_pinned_on_the_way(with_dependency: Checkout) -> None:
    go_mod = with_dependency.root / go_programs.PROGRAMS_FILE.parent / "greetings" / "go.mod"
    edit(with_dependency, "greetings/go.mod", "require example.org/colours v1.0.0", "")
    before = go_mod.read_bytes()
    with pytest.raises(ToolError, match=r"main\.go:6:2: .* disabled by -mod=readonly"):
        go_programs.build(with_dependency, quietly, ["greeter"])
    assert go_mod.read_bytes() == before


def test_module_of_an_unknown_family_or_of_no_family_is_refused(checkout: Checkout) -> None:
    with pytest.raises(UsageError, match=r"^no family 'greeting' of builds; there are greetings$"):
        go_programs.module_folder(checkout, "greeting", "example.org/colours")
    with pytest.raises(ToolError, match="not a known dependency"):
        go_programs.module_folder(checkout, "greetings", "example.org/colours")
