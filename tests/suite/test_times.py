"""What was measured is kept: by several processes, by workers, and by what fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.suite import times
from tests.suite.expected import UNKNOWN_SECONDS, Expected
from tests.suite.times import TestTime, Times, add, begin, read, slowest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "times.json"


def test_many_at_once_lose_nothing(path: Path) -> None:
    def measure(number: int) -> None:
        for each in range(10):
            add(phases={f"phase {number}.{each}": 1.0}, path=path)

    threads = [threading.Thread(target=measure, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(path).phases) == 60


def test_newer_value_takes_the_place_of_the_older(path: Path) -> None:
    add(phases={"verify": 9}, tests={"a": TestTime(seconds=1, outcome="failed")}, path=path)
    add(phases={"verify": 3}, tests={"a": TestTime(seconds=2, outcome="passed")}, rest={"seconds": 300}, path=path)
    assert read(path) == Times(phases={"verify": 3}, tests={"a": TestTime(seconds=2, outcome="passed")}, rest={"seconds": 300})


@pytest.mark.parametrize("text", ["", "{", '{"phases": [], "tests": {}}', '{"strange": 1}'])
def test_file_of_another_form_counts_as_none(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    assert read(path) == Times()


def test_new_run_puts_the_last_one_aside(path: Path, tmp_path: Path) -> None:
    last = tmp_path / "last-times.json"
    begin(path, last)
    assert not last.exists()
    add(phases={"verify": 9}, path=path)
    begin(path, last)
    assert not path.exists()
    assert read(last).phases == {"verify": 9}


@pytest.mark.parametrize(
    ("command", "code"),
    [("import time; time.sleep(0.2)", 0), ("import time; time.sleep(0.2); raise SystemExit(3)", 3)],
    ids=["well", "failed"],
)
def test_phase_is_noted_and_its_exit_code_told(path: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int) -> None:
    monkeypatch.setattr(times, "TIMES", path)
    monkeypatch.setattr(sys, "argv", ["times", "phase", "one", sys.executable, "-c", command])
    assert times.main() == code
    assert read(path).phases["one"] >= 0.2


def test_slowest_come_first_and_phases_last() -> None:
    measured = Times(phases={"verify": 30, "checkov": 12}, tests={name: TestTime(seconds=len(name)) for name in ("a", "ccc", "bb")})
    told = slowest(measured, count=2)
    assert [line.split()[-1] for line in told[:2]] == ["ccc", "bb"]
    assert told[2:] == ["verify 30 s, checkov 12 s"]


def test_test_is_expected_to_take_what_it_last_took() -> None:
    before = Times(tests={"a.py::test_x[1]": TestTime(seconds=7, outcome="passed"), "a.py::test_y": TestTime(seconds=99, outcome="failed")})
    expected = Expected([Times(), before], {"a.py::test_y": 5, "a.py::test_z": 6})
    assert expected("tests/a.py::test_z[1]") == 6
    assert expected("a.py::test_x[1]") == 7
    assert expected("a.py::test_y") == 5, "a failure says nothing about the time that a test takes"
    assert expected("a.py::test_w") == UNKNOWN_SECONDS


CONFTEST = """
from pathlib import Path
from tests.suite.times_plugin import TimesPlugin

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TimesPlugin(Path(__file__).parents[1] / "times.json", "checks/staged/"))
"""

TESTS = """
import time, pytest

@pytest.fixture
def slow():
    time.sleep(0.2)

@pytest.mark.parametrize("n", range(6))
def test_well(n, slow, record_property):
    record_property("number", n)
    record_property("more", {"a": [1.5, None]})

def test_wrong():
    assert False

def test_left_out():
    pytest.skip("today")
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_session_keeps_every_test_once_with_what_it_recorded(tmp_path: Path, workers: str) -> None:
    folder = tmp_path / "checks" / "staged" / "steady"
    folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider --import-mode=importlib\n", encoding="utf-8")
    (tmp_path / "checks" / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_it.py").write_text(TESTS, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-n", workers, "checks"]
    environment = {**clean, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    measured = json.loads((tmp_path / "times.json").read_text(encoding="utf-8"))
    assert len(measured["tests"]) == 8
    well = measured["tests"]["checks/staged/steady/test_it.py::test_well[3]"]
    assert well["seconds"] >= 0.2, "the set-up counts"
    assert (well["outcome"], well["recorded"]) == ("passed", {"number": 3, "more": {"a": [1.5, None]}})
    assert measured["tests"]["checks/staged/steady/test_it.py::test_wrong"]["outcome"] == "failed"
    assert measured["tests"]["checks/staged/steady/test_it.py::test_left_out"]["outcome"] == "skipped"
    assert measured["phases"]["acceptance, steady"] >= 0.2
