"""What docs/bundles.md claims is so: kinds, what is refused, the numbers, and commands that a shell takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.bundles.export_bundle import WINDOW_LOG
from tidegate.embedded.bundles.facts import CONTENT, MANIFEST, SIGNATURE, Kind
from tidegate.embedded.bundles.signature import KEYS, sign, signing_key, trusted_keys, verify
from tidegate.repository.schemas import KUBERNETES, OPERATORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bundles.md").read_text(encoding="utf-8")
(DECISION,) = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "decisions").glob("0031-*.md")]
SNIPPETS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_kind_of_piece_is_listed() -> None:
    listed = re.findall(r"^\| `([a-z]+)` \|", PAGE.partition("| kind | what | why |")[2].partition("\n\n")[0], re.MULTILINE)
    assert sorted(listed) == sorted(get_args(Kind))


def test_files_inside_and_the_place_of_keys_are_those_of_the_program() -> None:
    for text in (PAGE, DECISION):
        assert f"`{KEYS.as_posix()}/<name>.pub`" in text
    assert f"# {MANIFEST}, {SIGNATURE}, {CONTENT}" in PAGE
    assert f"--bundle {SIGNATURE} --insecure-ignore-tlog=true {MANIFEST}" in PAGE


def test_numbers_are_those_of_the_program() -> None:
    assert f"It looks {(1 << WINDOW_LOG) // 2**20} MB back" in " ".join(DECISION.split())
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    assert f"read from {words[len((KUBERNETES, *OPERATORS)) - 1]} Go modules" in PAGE


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(1, len(SNIPPETS) + 1))
def test_snippet_is_one_that_a_shell_takes(snippet: str) -> None:
    tools.run(["sh", "-n"], stdin=snippet)


def test_key_of_the_page_is_one_that_signs_and_verifies(tmp_path: Path) -> None:
    (making,) = [snippet for snippet in SNIPPETS if "openssl genpkey" in snippet]
    tools.run(["sh", "-e"], stdin=making, cwd=tmp_path)
    signature = sign(b"manifest", signing_key(tmp_path / "team.key"))
    assert verify(b"manifest", signature, trusted_keys(Checkout(tmp_path)), "a.bundle") == "team.pub"


def test_job_exports_what_the_store_lacks_and_nothing_else(tmp_path: Path) -> None:
    (job,) = [snippet for snippet in SNIPPETS if "store_has" in snippet]
    for name, text in (("make", "exit 0"), (".venv/bin/tidegate", 'echo "$*" >>asked; echo tidegate-1.bundle')):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    store = 'PATH="$PWD:$PATH"\nstore_has() { [ -e "store/$1" ]; }\nstore_put() { echo "put $1" >>asked; mkdir -p store; : >"store/${1##*/}"; }\n'
    for _ in range(2):
        tools.run(["sh"], stdin=store + job, cwd=tmp_path, env={"BUNDLE_SIGNING_KEY": "key"})
    assert (tmp_path / "asked").read_text().splitlines() == [
        "local bundle name", "local bundle export out/tidegate-1.bundle --key team.key", "put out/tidegate-1.bundle", "local bundle name",
    ]  # fmt: skip
    assert not (tmp_path / "team.key").exists()
