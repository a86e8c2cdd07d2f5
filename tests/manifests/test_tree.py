"""Trees are written whole or not at all, and only in folders of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.errors import ManifestError
from tidegate.manifests import tree
from tidegate.manifests.tree import RenderedObject, Written, emit_tree, write_trees


def rendered(name: str, folder: str = "live-1/fraud", data: str = "x") -> RenderedObject:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": data}}
    return RenderedObject(folder, "gitops/tenants/fraud.yaml", manifest)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_file_says_what_to_edit_instead() -> None:
    files = emit_tree([rendered("a")])
    first_line = files["live-1/fraud/configmap-a.yaml"].decode().splitlines()[0]
    assert first_line == "# Rendered from gitops/tenants/fraud.yaml by `tidegate render`; edit that file."


def test_two_objects_in_one_file_are_refused() -> None:
    with pytest.raises(ManifestError, match=r"live-1/fraud/configmap-a.yaml .*two objects have this kind and name.*\[object-twice\]"):
        emit_tree([rendered("a"), rendered("a", data="y")])


def test_second_writing_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "rendered"
    files = emit_tree([rendered("a"), rendered("b", "live-2/fraud")])
    assert write_trees({out: files}) == Written(files_written=2, files_unchanged=0, files_removed=0)
    inode = (out / "live-1/fraud/configmap-a.yaml").stat().st_ino
    assert write_trees({out: files}) == Written(files_written=0, files_unchanged=2, files_removed=0)
    assert (out / "live-1/fraud/configmap-a.yaml").stat().st_ino == inode
    assert contents(out) == files


def test_strays_go_but_only_below_the_folder(tmp_path: Path) -> None:
    out, neighbour = tmp_path / "rendered", tmp_path / "rendered-notes.yaml"
    neighbour.write_text("keep: me\n", encoding="utf-8")
    write_trees({out: emit_tree([rendered("a"), rendered("gone", "live-1/leaver")])})
    (out / "live-1" / "stray.yaml").write_text("a: 1\n", encoding="utf-8")
    files = emit_tree([rendered("a", data="changed")])
    assert write_trees({out: files}) == Written(files_written=1, files_unchanged=0, files_removed=2)
    assert contents(out) == files
    assert not (out / "live-1" / "leaver").exists()
    assert neighbour.read_text(encoding="utf-8") == "keep: me\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rendered", "rendered-notes.yaml"]


def test_folder_with_foreign_files_is_refused(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants"
    tenants.mkdir()
    (tenants / "fraud.yaml").write_text("name: fraud\n", encoding="utf-8")
    with pytest.raises(ManifestError, match=r"holds 1 files, none of them rendered; name a new or empty folder.*\[folder-not-rendered\]"):
        write_trees({tenants: emit_tree([rendered("a")])})
    assert contents(tenants) == {"fraud.yaml": b"name: fraud\n"}


@pytest.mark.parametrize("broken", ["stage", "swap"])
def test_failure_in_the_second_tree_leaves_both_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    before = emit_tree([rendered("a"), rendered("same")])
    write_trees({first: before, second: before})
    real = getattr(tree._Plan, broken)

    def fail_in_second(plan: tree._Plan) -> None:
        if plan._folder == second:
            raise OSError("no space left on device")
        real(plan)

    monkeypatch.setattr(tree._Plan, broken, fail_in_second)
    after = emit_tree([rendered("a", data="changed"), rendered("same"), rendered("new")])
    with pytest.raises(OSError, match="no space left"):
        write_trees({first: after, second: after})
    assert contents(first) == before
    assert contents(second) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]
