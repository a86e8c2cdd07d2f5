"""Files and folders stay small enough to be read at once."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path

from tests.root import ROOT
from tidegate import tools

LINES_AT_MOST, MODULES_AT_MOST, MEDIAN_BELOW = 300, 20, 130


def python_files() -> list[Path]:
    listed = tools.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"], cwd=ROOT).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_no_file_is_long() -> None:
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert len(lines) > 500
    assert {name: count for name, count in lines.items() if count > LINES_AT_MOST} == {}, "split it by what it is about"
    assert statistics.median(lines.values()) < MEDIAN_BELOW


def test_no_folder_of_the_product_holds_many_modules() -> None:
    folders = Counter(path.parent.relative_to(ROOT).as_posix() for path in python_files() if not path.is_relative_to(ROOT / "tests"))
    assert {folder: count for folder, count in folders.items() if count > MODULES_AT_MOST} == {}, "give a part of it a folder of its own"
