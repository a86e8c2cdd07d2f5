"""A fault in Tidegate is red wherever it happens, and green only where a test is about faults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.root import ROOT

_CONFTEST = """
from tests.suite import unexpected_ends

def pytest_configure(config):
    unexpected_ends.watch()
    config.pluginmanager.register(unexpected_ends.UnexpectedEnds(), "unexpected-ends")
"""
_TESTS = """
import contextlib, subprocess, time
import pytest
from tidegate import tools
from tidegate.cli import main

def fail_in_process(monkeypatch):
    monkeypatch.setattr(main, "app", lambda _: {}["absent"])
    assert main.run(["status"]) == 70

def test_in_process(monkeypatch):
    fail_in_process(monkeypatch)

def test_as_a_process():
    with contextlib.suppress(Exception):
        tools.run(["sh", "-c", "exit 70"])

def start(tmp_path, code):
    return tools.start_server(["sh", "-c", f"exit {code}"], log_path=tmp_path / "log")

def test_server(tmp_path):
    server = start(tmp_path, 70)
    while tools.is_running(server):
        time.sleep(0.01)

def test_server_that_nobody_looks_at(tmp_path):
    start(tmp_path, 70)
    time.sleep(1)

def test_server_with_another_code(tmp_path):
    start(tmp_path, 1)
    time.sleep(1)

@pytest.fixture
def ending():
    yield
    subprocess.run(["sh", "-c", "exit 70"])

def test_in_a_fixture(ending):
    pass

@pytest.mark.fault
def test_about_faults(monkeypatch):
    fail_in_process(monkeypatch)

def test_other_codes():
    subprocess.run(["sh", "-c", "exit 1"])
"""


def test_fault_fails_every_test_that_is_not_about_faults(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_it.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:times", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    config = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path / "test_it.py")]
    said = subprocess.run([*command, *config], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False).stdout
    results = said.rpartition("short test summary info")[2]
    red = sorted(line.rpartition("::")[2].partition(" ")[0] for line in results.splitlines() if line.startswith(("FAILED", "ERROR")))
    assert red == ["test_as_a_process", "test_in_a_fixture", "test_in_process", "test_server", "test_server_that_nobody_looks_at"]
    assert "exit code 70 of sh -c 'exit 70'" in said
    assert said.count("a fault in Tidegate:") >= 5, said
    assert "4 failed, 4 passed, 1 error" in results
