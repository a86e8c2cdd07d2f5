"""The first screen of the README, its table of tasks, and one reader and purpose for each page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.root import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN = README.partition("\n## ")[0]
PAGES = sorted((ROOT / "docs").glob("*.md"))
LINES_OF_A_SCREEN = 45


def test_first_screen_has_a_picture_and_two_commands() -> None:
    assert len(FIRST_SCREEN.splitlines()) <= LINES_OF_A_SCREEN
    assert FIRST_SCREEN.count("```mermaid\n") == 1
    assert re.findall(r"^```sh\n(\S.*?)  .*\n```$", FIRST_SCREEN, re.MULTILINE) == ["make up", "make test"]


def test_tables_that_up_ends_with_are_those_of_the_program() -> None:
    after_up = FIRST_SCREEN.partition("make up ")[2].partition("make test ")[0]
    program = "".join((ROOT / "tidegate/cli" / name).read_text(encoding="utf-8") for name in ("platform.py", "serving.py"))
    named = re.findall(r"`([A-Z][A-Za-z -]+)`", after_up)
    assert {"Stacks", "Regions", "Add-ons and tenants", "Models", "Phases"} <= set(named)
    assert [title for title in named if f'"{title}", ' not in program and title not in {"Synced", "Healthy"}] == []
    lifecycle = (ROOT / "tidegate/embedded/lifecycle.py").read_text(encoding="utf-8")
    assert all(f"`{word}`" in after_up and f'f"{word} ' in lifecycle for word in ("Real:", "Simulated:"))


def test_every_page_is_in_the_table_of_tasks() -> None:
    tasks = README.partition("\n| I want to | command | page |\n")[2].partition("\n\n")[0]
    linked = set(re.findall(r"\]\(docs/([^)]+)\)", tasks))
    assert linked == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_page_begins_with_its_reader_and_purpose(page: Path) -> None:
    title, _, rest = page.read_text(encoding="utf-8").partition("\n\n")
    first = " ".join(rest.partition("\n\n")[0].split())
    assert re.fullmatch(r"# [^\n]+", title)
    assert re.match(r"For [^:.]+: [^.]+\.", first), first
