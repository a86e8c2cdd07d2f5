"""What a change touches, and whether that needs a region."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.gates.scope import is_document, scope_of
from tidegate.repository.changed_files import changed_files


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    write(tmp_path, "tidegate/gate.py", "docs/page.md")
    commit(tmp_path)
    git(tmp_path, "switch", "--quiet", "--create", "change")
    return Checkout(tmp_path)


def git(folder: Path, *words: str) -> None:
    tools.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words], cwd=folder)


def write(folder: Path, *names: str, text: str = "some text that is long enough for Git to call it the same file\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


def test_files_of_the_change_are_found_and_not_those_of_the_base(checkout: Checkout) -> None:
    write(checkout.root, "docs/page.md", "docs/ünïcode page.md", text="new")
    commit(checkout.root)
    git(checkout.root, "switch", "--quiet", "main")
    write(checkout.root, "tidegate/later.py")
    commit(checkout.root)
    git(checkout.root, "switch", "--quiet", "change")
    assert changed_files(checkout, "main") == ["docs/page.md", "docs/ünïcode page.md"]


def test_code_that_moved_among_the_documents_is_still_code(checkout: Checkout) -> None:
    git(checkout.root, "mv", "tidegate/gate.py", "docs/gate.md")
    commit(checkout.root)
    found = changed_files(checkout, "main")
    assert found == ["docs/gate.md", "tidegate/gate.py"]
    assert scope_of(found).region


@pytest.mark.parametrize("base", ["", "nowhere", "--output=x", "0" * 40])
def test_base_that_is_none_is_refused(checkout: Checkout, base: str) -> None:
    with pytest.raises(UsageError, match="no revision"):
        changed_files(checkout, base)


@pytest.mark.parametrize("path", ["docs/ci.md", "docs/picture.svg", "README.md", "policies/README.md", "LICENSE", "infra/README.md"])
def test_document(path: str) -> None:
    assert is_document(path)


@pytest.mark.parametrize(
    "path", ["tidegate/cli/gates/commands.py", "gitops/tenants/fraud.yaml", "tests/x.md", "clusters/x.md", "gitops/x.md", "docs", "Makefile", "LICENSE.py",
             ".github/workflows/nightly.yml", "README.md.py", "docs.py"],
)  # fmt: skip
def test_anything_else_is_none(path: str) -> None:
    assert not is_document(path) or path == "docs"


def test_what_a_change_needs_is_said() -> None:
    assert scope_of(["docs/ci.md", "README.md"]).why == "documents only (docs/ci.md and 1 more): no region and no load"
    assert scope_of(["docs/ci.md", "Makefile"]).why == "Makefile: a region is needed"
    assert scope_of([]).region
    assert "nothing differs from the base" in scope_of([]).why
