"""The longest tests begin first, with the very options that the Makefile gives pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.root import ROOT

CONFTEST = """
from tests.suite.longest_first import MARKERS, urgency

def pytest_configure(config):
    for name in MARKERS:
        config.addinivalue_line("markers", name)

def pytest_collection_modifyitems(items):
    items.sort(key=urgency)
"""
FILES = {
    "test_a": "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_short(n): pass\n",
    "test_b": "import pytest\npytestmark = pytest.mark.terraform\ndef test_plan(): pass\ndef test_again(): pass\n",
    "test_c": "import pytest\npytestmark = pytest.mark.emulator\ndef test_apply(): pass\n",
}


def options() -> list[str]:
    """How `make test` and `make test-fast` deal tests out to workers."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert makefile.count("-m pytest $(WITHOUT_REGIONS)") == 2
    found = re.search(r"^WITHOUT_REGIONS := -n \d (--dist .*?) --ignore", makefile, re.MULTILINE)
    assert found, "the Makefile starts no pytest with workers"
    return found[1].split()


def test_files_of_long_tests_begin_before_files_of_many(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider --import-mode=importlib\n", encoding="utf-8")
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-v", "-n", "1", *options(), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert list(dict.fromkeys(re.findall(r"PASSED (test_[abc])\.py", printed))) == ["test_c", "test_b", "test_a"]
