"""What a person sees of the signed list of images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.signing.listed_images import CATALOGUE, commit
from tests.tidegate.signing.signed_models import MemoryKey
from tidegate import tools
from tidegate.errors import ToolError
from tidegate.facts.inventory.image_catalogue import LIST
from tidegate.signing.images import IMAGES_KEY, sign_images

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in ("cdktf.json", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def refusal(checkout: Path, *arguments: str) -> ToolError:
    with pytest.raises(ToolError) as caught:
        tools.run([TIDEGATE, *arguments], cwd=checkout)
    return caught.value


def test_list_says_what_was_built_from_what(checkout: Path) -> None:
    commit(checkout)
    printed = tools.run([TIDEGATE, "image", "list"], cwd=checkout).stdout
    for one in CATALOGUE.images:
        assert one.digest in printed
        assert one.revision[:12] in printed
    told = json.loads(tools.run([TIDEGATE, "image", "list", "--json"], cwd=checkout).stdout)["images"]
    assert told == [one.model_dump() for one in CATALOGUE.images]


def test_list_that_is_not_there_or_not_signed_is_refused(checkout: Path) -> None:
    nothing = refusal(checkout, "image", "list")
    assert (nothing.exit_code, "list.json is not there, so no workload image is let in" in nothing.stderr) == (2, True)
    commit(checkout, sign_images(CATALOGUE, MemoryKey.made(IMAGES_KEY)))
    (checkout / LIST.parent / f"{IMAGES_KEY}.pem").write_text(MemoryKey.made(IMAGES_KEY).public_pem())
    for words in (("list",), ("verify", "--registry", "127.0.0.1:1"), ("adopt", LIST.as_posix())):
        refused = refusal(checkout, "image", *words)
        assert refused.exit_code == 1
        assert "the signature of the list of images does not hold: other content, or another key" in refused.stderr


def test_publish_wants_a_commit(checkout: Path) -> None:
    for words in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "a"),
    ):
        tools.run(["git", *words], cwd=checkout)
    (checkout / "gitops/tenants/note.txt").write_text("mine")
    refused = refusal(checkout, "image", "publish", "--out", "out/images")
    assert "gitops/tenants/note.txt is not as the last commit has it, and the list names a commit; commit or stash it" in refused.stderr
    assert not (checkout / "out/images").exists()
