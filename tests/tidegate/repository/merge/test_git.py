"""Between which commits a change lies, and every way in which that cannot be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.repository.merge.changes import read_pull_request
from tidegate.repository.merge.git import changed_files, extract, find_ends

TENANT = "gitops/tenants/fraud.yaml"


def git(checkout: Checkout, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"]
    return tools.run(["git", *who, *arguments], cwd=checkout.root).stdout.strip()


def commit(checkout: Checkout, **files: str | None) -> str:
    for name, content in files.items():
        path = checkout.root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content) if content is not None else path.unlink()
    git(checkout, "add", "--all")
    git(checkout, "commit", "-qm", "x")
    return git(checkout, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "here")
    made.root.mkdir()
    git(made, "init", "-q", "-b", "main")
    commit(made, docs__page="one\ntwo\nthree\n", gitops__tenants__x="1", clusters__inventory__x="1")
    return made


def test_what_main_did_meanwhile_is_no_change(checkout: Checkout) -> None:
    left = git(checkout, "rev-parse", "HEAD")
    git(checkout, "checkout", "-qb", "change")
    commit(checkout, ours="1")
    git(checkout, "checkout", "-q", "main")
    commit(checkout, theirs="1")
    ends = find_ends(checkout, "main", "change")
    assert (ends.base, ends.is_working_tree) == (left, False)
    assert [str(file) for file in changed_files(checkout, ends)] == ["ours (new)"]


def test_files_are_followed_where_they_go_and_those_of_no_commit_are_named(checkout: Checkout) -> None:
    git(checkout, "mv", "docs/page", "docs/other page")
    (checkout.root / "gitops/tenants/x").unlink()
    (checkout.root / "clusters/inventory/x").write_text("2")
    (checkout.root / "ünew").write_text("1")
    ends = find_ends(checkout, "HEAD", None)
    assert [str(file) for file in changed_files(checkout, ends)] == [
        "clusters/inventory/x", "docs/page -> docs/other page", "gitops/tenants/x (gone)", "ünew (new)",
    ]  # fmt: skip
    assert ends.uncommitted == ("clusters/inventory/x", "docs/other page", "docs/page", "gitops/tenants/x", "ünew")


@pytest.mark.parametrize("revision", ["none", "--output=x", ""])
def test_unknown_revision_is_refused(checkout: Checkout, revision: str) -> None:
    with pytest.raises(UsageError, match=r"is no revision of this repository; `git log --oneline` shows some"):
        find_ends(checkout, revision, None)
    with pytest.raises(UsageError, match="is no revision of this repository"):
        find_ends(checkout, "main", revision)


def test_two_histories_have_no_base(checkout: Checkout) -> None:
    git(checkout, "checkout", "-q", "--orphan", "other")
    commit(checkout, other="1")
    with pytest.raises(UsageError, match=r"^main and HEAD have no commit in common, so what changed cannot be said; name the branch"):
        find_ends(checkout, "main", None)


def test_shallow_clone_says_how_to_get_the_rest(checkout: Checkout, tmp_path: Path) -> None:
    commit(checkout, second="1")
    git(checkout, "branch", "change")
    commit(checkout, third="1")
    clone = Checkout(tmp_path / "clone")
    git(checkout, "clone", "-q", "--depth=1", f"file://{checkout.root}", str(clone.root))
    with pytest.raises(UsageError, match=r"^change is not in this clone, which is shallow; `git fetch --unshallow"):
        find_ends(clone, "change", None)
    git(clone, "fetch", "-q", "--depth=1", "origin", "change:change")
    with pytest.raises(
        UsageError, match=r"^change and HEAD have no commit in common, .*; this clone is shallow; `git fetch --unshallow` brings"
    ):
        find_ends(clone, "change", None)


def test_tree_of_a_revision_is_read_without_touching_the_checkout(checkout: Checkout, tmp_path: Path) -> None:
    before = git(checkout, "rev-parse", "HEAD")
    commit(checkout, docs__page="changed")
    (checkout.root / "docs/page").write_text("not committed")
    folder = tmp_path / "old"
    folder.mkdir()
    extract(checkout, before, folder)
    assert (folder / "docs/page").read_text() == "one\ntwo\nthree\n"
    assert (checkout.root / "docs/page").read_text() == "not committed"
    assert sorted(path.name for path in folder.iterdir()) == ["clusters", "docs", "gitops"]
    with pytest.raises(UsageError, match="holds no inventory; choose a later revision"):
        extract(checkout, before, tmp_path / "here", "clusters/none")


def test_documents_alone_need_no_gate(checkout: Checkout) -> None:
    git(checkout, "checkout", "-qb", "change")
    commit(checkout, docs__page="new")
    with read_pull_request(checkout, "main", "change") as change:
        assert change.picked == ()
        assert change.notes == ("1 files differ, all of them documents, tests or files of CI: no gate is needed, and no load was sent",)
    (checkout.root / "docs/page").write_text("newer")
    with read_pull_request(checkout, "main") as change:
        assert change.notes[1:] == (
            "judged as they are in the working tree, committed nowhere: docs/page; commit them and judge again before merging",
        )
    with read_pull_request(checkout, "change", "change") as change:
        assert change.notes == (
            "nothing differs from the base, so no gate is needed",
            "not judged, because no commit holds them: docs/page",
        )
    assert git(checkout, "worktree", "list").count("\n") == 0
