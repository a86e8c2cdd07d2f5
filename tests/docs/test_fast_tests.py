"""What the page about tests on regions claims is so, and the tests are laid out as it says."""

from __future__ import annotations

import json
import re

from tests.root import ROOT
from tests.suite.plan import STAGES
from tests.suite.staged_run import WORDS
from tests.suite.times import Times

PAGE = (ROOT / "docs" / "fast-tests.md").read_text(encoding="utf-8")
ACCEPTANCE = ROOT / "tests" / "acceptance"
FILES = sorted(ACCEPTANCE.rglob("test_*.py"))


def test_folders_are_the_stages() -> None:
    assert tuple(re.findall(r"^\| `tests/acceptance/([a-z]+)` \|", PAGE, re.MULTILINE)) == STAGES
    assert {path.parent for path in FILES} == {ACCEPTANCE / stage for stage in STAGES}


def test_files_are_named_by_behaviour() -> None:
    assert len(FILES) > 25
    assert not [path.name for path in FILES if not re.fullmatch(r"test_[a-z_]+\.py", path.name)]


def test_words_of_the_marker_are_explained() -> None:
    assert set(re.findall(r"^- `([a-z]+)`: ", PAGE, re.MULTILINE)) == WORDS


def test_parts_of_the_times_are_named() -> None:
    for part in Times.model_fields:
        assert f"`{part}`" in PAGE


def test_committed_seconds_are_of_tests_that_exist() -> None:
    for name in json.loads((ACCEPTANCE / "seconds.json").read_text(encoding="utf-8")):
        path, _, function = name.partition("::")
        assert f"def {function}(" in (ACCEPTANCE / path).read_text(encoding="utf-8"), name


def test_workers_can_be_chosen() -> None:
    assert "\nWORKERS := " in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "`WORKERS=0`" in PAGE
