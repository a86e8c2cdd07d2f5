"""The words that CONTRIBUTING.md lists as those not to be said are not said."""

from __future__ import annotations

import re

import pytest

from tests.root import ROOT
from tidegate import tools

TABLE = re.findall(
    r"^\| [^|]+ \| ([^|]+) \|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| say | not |")[2], re.MULTILINE
)
REFUSED = [word.strip() for row in TABLE for word in row.split(",")]
APART = re.compile(
    r"^docs/decisions/|^gitops/rendered/|^tests/|^locks/|^CONTRIBUTING\.md$|^CHANGELOG\.md$|package-lock\.json$|go\.(mod|sum)$"
    r"|^clusters/embedded/builds/.*\.go$"
)
"""The last: another word in a program of ours would compile Vault anew."""


def found_in(word: str, text: str) -> list[str]:
    """The places where `word` stands, in a name with underscores too."""
    pattern = re.compile(r"(?<![A-Za-z])" + re.escape(word).replace(r"\ ", r"[\s_-]+") + r"(?![a-z])", re.IGNORECASE)
    return [text[max(0, one.start() - 30) : one.end() + 30].replace("\n", " ") for one in pattern.finditer(text)]


def test_the_table_is_read() -> None:
    assert {"is told", "unburied", "deaf"} <= set(REFUSED)


@pytest.mark.parametrize("word", REFUSED)
def test_word_is_not_said(word: str) -> None:
    files = [
        file for file in tools.run(["git", "ls-files"], cwd=ROOT).stdout.splitlines() if not APART.search(file) and (ROOT / file).is_file()
    ]
    said = [f"{file}: {place}" for file in files for place in found_in(word, (ROOT / file).read_text(encoding="utf-8", errors="replace"))]
    assert not said, "\n".join(said)


@pytest.mark.parametrize(
    ("word", "text"),
    [("is told", "whoever asks is\ntold"), ("without which no region", "WITHOUT_WHICH_NO_REGION"), ("deaf", "DEAF_SECONDS")],
)
def test_word_is_found_across_lines_and_in_names(word: str, text: str) -> None:
    assert found_in(word, text)
    assert not found_in(word, "default, and nothing else")
