"""Trees are written whole or not at all, and only in folders of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.errors import ManifestError
from tidegate.manifests.staging import hold, staging_prefix
from tidegate.manifests.tree import RenderedObject, Written, emit_tree, write_trees


def rendered(name: str, folder: str = "live-1/tenants/fraud", data: str = "x") -> RenderedObject:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": data}}
    return RenderedObject(folder, "gitops/tenants/fraud.yaml", manifest)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_file_says_what_to_edit_instead() -> None:
    files = emit_tree([rendered("a")])
    first_line = files["live-1/tenants/fraud/configmap-a.yaml"].decode().splitlines()[0]
    assert first_line == "# Rendered from gitops/tenants/fraud.yaml by `tidegate render`; edit that, not this file."


def test_two_objects_in_one_file_are_refused() -> None:
    with pytest.raises(
        ManifestError, match=r"live-1/tenants/fraud/configmap-a.yaml .*two objects have this kind and name.*\[object-twice\]"
    ):
        emit_tree([rendered("a"), rendered("a", data="y")])


def test_second_writing_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "rendered"
    files = emit_tree([rendered("a"), rendered("b", "live-2/tenants/fraud")])
    assert write_trees({out: files}) == Written(files_written=2, files_unchanged=0, files_removed=0)
    inode = (out / "live-1/tenants/fraud/configmap-a.yaml").stat().st_ino
    assert write_trees({out: files}) == Written(files_written=0, files_unchanged=2, files_removed=0)
    assert (out / "live-1/tenants/fraud/configmap-a.yaml").stat().st_ino == inode
    assert contents(out) == files


def test_unchanged_neighbour_of_a_changed_file_is_not_touched(tmp_path: Path) -> None:
    out = tmp_path / "rendered"
    write_trees({out: emit_tree([rendered("a"), rendered("b")])})
    before = (out / "live-1/tenants/fraud/configmap-b.yaml").stat()
    files = emit_tree([rendered("a", data="changed"), rendered("b")])
    assert write_trees({out: files}) == Written(files_written=1, files_unchanged=1, files_removed=0)
    after = (out / "live-1/tenants/fraud/configmap-b.yaml").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (before.st_ino, before.st_mtime_ns, 1)


def test_strays_go_but_only_below_the_folder(tmp_path: Path) -> None:
    out, neighbour = tmp_path / "rendered", tmp_path / "rendered-notes.yaml"
    neighbour.write_text("keep: me\n", encoding="utf-8")
    write_trees({out: emit_tree([rendered("a"), rendered("gone", "live-1/leaver")])})
    (out / "live-1" / "leaver" / "stray.yaml").write_text("a: 1\n", encoding="utf-8")
    files = emit_tree([rendered("a", data="changed")])
    assert write_trees({out: files}) == Written(files_written=1, files_unchanged=0, files_removed=2)
    assert contents(out) == files
    assert not (out / "live-1" / "leaver").exists()
    assert neighbour.read_text(encoding="utf-8") == "keep: me\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rendered", "rendered-notes.yaml"]


@pytest.mark.parametrize("place", [".", "..", "a-checkout", "of-two-minds", "file"])
def test_place_where_somebodys_work_would_be_lost_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    here = tmp_path / "around" / "here"
    for folder in (here, here / "a-checkout" / ".git", here / "of-two-minds" / "tenants"):
        folder.mkdir(parents=True, exist_ok=True)
    write_trees({here / "of-two-minds" / "rendered": emit_tree([rendered("a")])})
    (here / "of-two-minds" / "tenants" / "fraud.yaml").write_text("name: fraud\n", encoding="utf-8")
    (here / "file").write_text("x", encoding="utf-8")
    before = contents(tmp_path)
    monkeypatch.chdir(here)
    with pytest.raises(ManifestError, match=r"\[folder-not-rendered\]"):
        write_trees({Path(place): emit_tree([rendered("a")])})
    assert contents(tmp_path) == before


def test_folder_with_foreign_files_is_refused(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants"
    tenants.mkdir()
    (tenants / "fraud.yaml").write_text("name: fraud\n", encoding="utf-8")
    with pytest.raises(
        ManifestError,
        match=r"holds 1 files, none of them rendered, such as fraud.yaml; name a new or empty folder.*\[folder-not-rendered\]",
    ):
        write_trees({tenants: emit_tree([rendered("a")])})
    assert contents(tenants) == {"fraud.yaml": b"name: fraud\n"}


@pytest.mark.parametrize("moment", ["preparing", "swapping"])
def test_failure_in_the_second_tree_leaves_both_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    before = emit_tree([rendered("a"), rendered("same")])
    write_trees({first: before, second: before})
    make_folder, rename = tempfile.mkdtemp, Path.rename

    def fail_to_prepare(prefix: str, dir: Path) -> str:  # noqa: A002 - mkdtemp's own name
        if prefix.startswith(".second"):
            raise OSError("no space left on device")
        return make_folder(prefix=prefix, dir=dir)

    def fail_to_swap(path: Path, target: Path) -> Path:
        if path.name.startswith(".second") and target == second and not path.name.endswith("-previous"):
            raise OSError("no space left on device")
        return rename(path, target)

    if moment == "preparing":
        monkeypatch.setattr(tempfile, "mkdtemp", fail_to_prepare)
    else:
        monkeypatch.setattr(Path, "rename", fail_to_swap)
    after = emit_tree([rendered("a", data="changed"), rendered("same"), rendered("new")])
    with pytest.raises(OSError, match="no space left"):
        write_trees({first: after, second: after})
    assert contents(first) == before
    assert contents(second) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


KILLED = """
import os, pathlib, signal, sys
from tidegate.manifests.tree import write_trees
out, moment = pathlib.Path(sys.argv[1]), sys.argv[2]
rename = pathlib.Path.rename
def killed(path, target):
    if moment == "between":
        rename(path, target)
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.rename = killed
write_trees({out: {"a/b.yaml": b"# Rendered from here\\nnew: true\\n"}})
"""


@pytest.mark.parametrize("moment", ["before", "between"], ids=["before the swap", "between its two renames"])
def test_next_rendering_clears_up_after_a_killed_one(tmp_path: Path, moment: str) -> None:
    out, mine = tmp_path / "rendered", tmp_path / ".rendered-notes"
    mine.mkdir()
    files = emit_tree([rendered("a")])
    write_trees({out: files})
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out), moment], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = [path for path in tmp_path.glob(".rendered-*") if path != mine]
    assert (len(left), out.exists()) == ((2, False) if moment == "between" else (1, True))
    assert write_trees({out: files}) == Written(files_written=0, files_unchanged=1, files_removed=0)
    assert contents(out) == files
    assert sorted(path.name for path in tmp_path.iterdir()) == [".rendered-notes", "rendered"]


def test_folder_of_a_rendering_that_still_runs_is_left_alone(tmp_path: Path) -> None:
    out, of_another = tmp_path / "rendered", tmp_path / f"{staging_prefix(tmp_path / 'rendered')}12345678"
    of_another.mkdir()
    held = hold(of_another)
    assert held is not None
    write_trees({out: emit_tree([rendered("a")])})
    assert of_another.is_dir()
    os.close(held)
    write_trees({out: emit_tree([rendered("a")])})
    assert not of_another.exists()


def test_git_ignores_what_a_killed_rendering_leaves() -> None:
    folders = [f"gitops/{staging_prefix(ROOT / 'gitops' / tree)}12345678/x.yaml" for tree in ("rendered", "bootstrap")]
    assert tools.run(["git", "check-ignore", *folders], cwd=ROOT).stdout.split() == folders
