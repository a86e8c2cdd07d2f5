"""A published list gets into the repository only when a committed key has signed it, and into one pull request only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.scratch_checkout import make_scratch_checkout
from tests.tidegate.signing.listed_images import CATALOGUE, KEY, TAG, listed
from tests.tidegate.signing.signed_models import MemoryKey
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, ToolError, UsageError
from tidegate.facts.inventory.image_catalogue import FOLDER, LIST, load_images
from tidegate.facts.models.images import ImageCatalogue
from tidegate.repository.adopt_images import adopt, propose
from tidegate.signing.bundles import SigningError
from tidegate.signing.images import sign_images

GH = """#!/usr/bin/env python3
import json, os, pathlib, sys
asked = pathlib.Path(os.environ["GH_ASKED"])
asked.write_text(asked.read_text() + json.dumps(sys.argv[1:]) + "\\n" if asked.exists() else json.dumps(sys.argv[1:]) + "\\n")
if os.environ.get("GH_REFUSES"):
    sys.exit("HTTP 403: Resource not accessible by integration")
if "create" in sys.argv:
    print("https://example.com/pull/7")
elif asked.read_text().count("create"):
    print("https://example.com/pull/7")
"""
NEWER = ImageCatalogue(images=(*CATALOGUE.images, listed("mlserver", "4")))
RUNTIMES = "gitops/rendered/live-1/platform/runtimes"


def git(folder: Path, *arguments: str) -> str:
    return tools.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments], cwd=folder).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A committed checkout with a remote, a trusted key, and GitHub's program."""
    found = make_scratch_checkout(tmp_path / "checkout")
    (found.root / ".gitignore").write_text(".venv*\nnode_modules\nout\n__pycache__\n")
    (found.root / FOLDER).mkdir(parents=True)
    (found.root / FOLDER / f"{KEY.key_id}.pem").write_text(KEY.public_pem())
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    git(found.root, "init", "--quiet", "--initial-branch=main")
    git(found.root, "remote", "add", "origin", str(tmp_path / "remote"))
    git(found.root, "add", "--all")
    git(found.root, "commit", "--quiet", "--message", "first")
    git(found.root, "push", "--quiet", "origin", "main")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("GH_ASKED", str(tmp_path / "asked"))
    return found


def asked(checkout: Checkout) -> list[list[str]]:
    path = checkout.root.parent / "asked"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_adopted_list_is_in_place_and_rendered_once(checkout: Checkout) -> None:
    content = sign_images(CATALOGUE, KEY)
    assert adopt(checkout, content)
    assert load_images(checkout.root) == CATALOGUE
    rendered = "".join(path.read_text() for path in (checkout.root / RUNTIMES).glob("*.yaml"))
    assert f"mlserver:{TAG}@sha256:{'3' * 64}" in rendered
    assert not adopt(checkout, sign_images(CATALOGUE, KEY)), "another signature over the same says nothing new"
    assert (checkout.root / LIST).read_bytes() == content


def test_list_of_somebody_else_changes_nothing(checkout: Checkout) -> None:
    for content, why in (
        (sign_images(CATALOGUE, MemoryKey.made("another")), "is signed with 'another', which is no key in gitops/catalogue/images"),
        (sign_images(CATALOGUE, MemoryKey.made(KEY.key_id)), "does not hold"),
        (b"{}", "lacks payload"),
    ):
        with pytest.raises(SigningError) as refused:
            propose(checkout, content, "main")
        assert why in str(refused.value)
    assert git(checkout.root, "status", "--porcelain") == ""
    assert (git(checkout.root, "branch", "--list"), asked(checkout)) == ("* main", [])


def test_refused_facts_leave_the_list_as_it_was(checkout: Checkout) -> None:
    tenant = checkout.root / "gitops/tenants/fraud.yaml"
    whole = tenant.read_text()
    tenant.write_text(f"{whole}colour: red\n")
    with pytest.raises(InventoryError, match="colour"):
        adopt(checkout, sign_images(CATALOGUE, KEY))
    assert not (checkout.root / LIST).exists()
    tenant.write_text(whole)
    assert adopt(checkout, sign_images(CATALOGUE, KEY))


def test_list_whose_signature_was_damaged_is_put_right(checkout: Checkout) -> None:
    content = sign_images(CATALOGUE, KEY)
    adopt(checkout, content)
    (checkout.root / LIST).write_bytes(sign_images(CATALOGUE, MemoryKey.made(KEY.key_id)))
    assert adopt(checkout, content)
    assert (checkout.root / LIST).read_bytes() == content


def test_older_list_is_refused_although_its_signature_holds(checkout: Checkout) -> None:
    adopt(checkout, sign_images(NEWER, KEY))
    with pytest.raises(SigningError, match=rf"this list lacks sha256:{'4' * 64}, which is what the committed one gives pods of mlserver"):
        adopt(checkout, sign_images(CATALOGUE, KEY))
    assert load_images(checkout.root) == NEWER


def test_without_a_committed_key_nothing_is_trusted(checkout: Checkout) -> None:
    (checkout.root / FOLDER / f"{KEY.key_id}.pem").unlink()
    with pytest.raises(UsageError, match=r"no key is committed; .* commit it as gitops/catalogue/images/<key id>.pem"):
        adopt(checkout, sign_images(CATALOGUE, KEY))


def test_one_pull_request_is_opened_however_often_it_is_called(checkout: Checkout) -> None:
    content = sign_images(CATALOGUE, KEY)
    assert propose(checkout, content, "main") == "https://example.com/pull/7"
    (branch,) = (line.split("refs/heads/")[1] for line in git(checkout.root, "ls-remote", "--heads", "origin", "image-list-*").splitlines())
    assert branch.startswith("image-list-")
    git(checkout.root, "fetch", "--quiet", "origin", branch)
    changed = git(checkout.root, "diff", "--name-only", "main", "FETCH_HEAD").splitlines()
    assert LIST.as_posix() in changed
    assert all(path.startswith("gitops/") for path in changed)
    assert f"{RUNTIMES}/clusterservingruntime-tidegate-mlserver-sklearn.yaml" in changed or any(
        path.startswith(RUNTIMES) for path in changed
    )
    assert git(checkout.root, "branch", "--list") == "* main"
    assert git(checkout.root, "status", "--porcelain") == ""
    (created,) = [words for words in asked(checkout) if "create" in words]
    assert created[:6] == ["pr", "create", "--base", "main", "--head", branch]
    assert f"| mlserver | {TAG} | `sha256:{'3' * 64}` | {'3' * 12} |" in created[-1]
    assert propose(checkout, sign_images(CATALOGUE, KEY), "main").startswith("https://example.com/pull/7 is open or was closed")
    assert len([words for words in asked(checkout) if "create" in words]) == 1
    git(checkout.root, "merge", "--quiet", "--ff-only", "FETCH_HEAD")
    assert propose(checkout, content, "main") == "the committed list says the same; there is nothing to propose"


def test_pull_request_that_github_refused_is_opened_the_next_time(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_REFUSES", "1")
    with pytest.raises(ToolError, match="HTTP 403"):
        propose(checkout, sign_images(CATALOGUE, KEY), "main")
    assert git(checkout.root, "status", "--porcelain") == ""
    monkeypatch.delenv("GH_REFUSES")
    assert propose(checkout, sign_images(CATALOGUE, KEY), "main") == "https://example.com/pull/7"


def test_checkout_with_changes_is_left_alone(checkout: Checkout) -> None:
    (checkout.root / "gitops/note.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"gitops/note.txt is not as the last commit has it; commit or stash it"):
        propose(checkout, sign_images(CATALOGUE, KEY), "main")
    assert (checkout.root / "gitops/note.txt").read_text() == "mine"
