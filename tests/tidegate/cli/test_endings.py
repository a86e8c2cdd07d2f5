"""How the command line ends: a code for each kind of end, one line on stderr, and a traceback only for who asks for it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.root import ROOT
from tidegate.cli import main
from tidegate.cli.screen import Screen
from tidegate.endings import MEANINGS, ExitCode, expected, lines_of, program_code
from tidegate.errors import BusyError, Finding, ManifestError, StateError, ToolError, UsageError

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")


class Fact(BaseModel):
    """A fact."""

    name: str
    one_of: tuple[str, ...]


End = Callable[[BaseException], tuple[int, list[str]]]


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> End:
    """Runs a command that raises; returns the exit code and the lines on stderr."""

    def ended(error: BaseException, *options: str) -> tuple[int, list[str]]:
        def fail(_: object) -> None:
            raise error

        monkeypatch.setattr(main, "app", fail)
        code = main.run([*options, "status"])
        return code, capsys.readouterr().err.splitlines()

    return ended


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no model x"), 2, "no model x"),
        (StateError("state is old"), 1, "state is old"),
        (BusyError("tidegate up is at work"), 75, "tidegate up is at work"),
        (OSError(errno.ENOSPC, "No space left on device", "out/x"), 1, "out/x: the disk is full; make room"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "this machine: the disk is full; make room"),
        (OSError(errno.EROFS, "Read-only file system", "a", None, "b"), 1, "b: the file system is read-only; mount it writable, or work in another folder"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "/x: not permitted; give yourself the right, or work in another folder"),
        (OSError(errno.ENXIO, "No such device or address", "/dev/x"), 1, "/dev/x: no such device or address; correct that and run it again"),
        (KeyboardInterrupt(), 130, "interrupted; run the same command again to continue"),
    ],
    ids=["usage", "failed", "busy", "disk", "disk-without-a-name", "read-only", "forbidden", "odd", "interrupted"],
)  # fmt: skip
def test_what_can_be_expected_is_one_line(end: End, error: BaseException, code: int, line: str) -> None:
    assert end(error) == (code, [line])


def test_findings_are_counted(end: End) -> None:
    assert end(ManifestError([Finding("a.yaml", "x", "rule", "is wrong", "change it")])) == (
        1,
        ["a.yaml: x: is wrong; change it [rule]", "1 finding; nothing was changed"],
    )


@pytest.mark.fault
@pytest.mark.parametrize("error", [KeyError("name"), ConnectionResetError(errno.ECONNRESET, "reset")], ids=["fault", "no-file"])
def test_what_nobody_foresaw_ends_with_70_and_names_the_place(end: End, error: BaseException) -> None:
    code, lines = end(error)
    assert code == 70
    assert lines[0].startswith(f"unexpected {type(error).__name__} at tests/tidegate/cli/test_endings.py:")
    assert lines[1:] == ["this is a fault in Tidegate; run it again with `tidegate --verbose` and report what is printed"]


@pytest.mark.fault
def test_traceback_is_shown_to_who_asks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise KeyError("absent")

    monkeypatch.setattr("tidegate.checkout.find_checkout", fail)
    assert main.run(["--verbose", "status"]) == 70
    verbose = capsys.readouterr().err
    assert "Traceback (most recent call last)" in verbose
    assert main.run(["status"]) == 70
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.fault
def test_fault_of_a_program_of_ours_is_a_fault_of_the_command(end: End) -> None:
    assert end(ToolError("python -m clusters.program", 70, "unexpected KeyError at clusters/x.py:3: 'a'"))[0] == 70


@pytest.mark.fault
def test_program_of_ours_ends_like_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (program_code(UsageError("x")), program_code(StateError("x")), program_code(ValueError("x"))) == (2, 1, 70)
    assert lines_of(ValueError("x")) == "unexpected ValueError at an unknown place: x"
    monkeypatch.setenv("TIDEGATE_VERBOSE", "1")
    assert lines_of(ValueError("x")).splitlines()[0] == "ValueError: x"


def test_long_text_of_a_fault_is_cut() -> None:
    assert len(str(expected(ValueError("x" * 5000)))) < 200


def test_help_says_what_the_codes_mean() -> None:
    said = " ".join(subprocess.run([TIDEGATE, "--help"], capture_output=True, text=True, check=True).stdout.split())
    assert set(MEANINGS) == set(ExitCode)
    for code, meaning in MEANINGS.items():
        assert f"{code} {meaning}" in said


@pytest.mark.parametrize("command", [["--help"], ["model", "explain", "fraud/scorer"], ["model", "explain", "fraud/scorer", "--json"]])
def test_full_standard_output_is_one_line(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([TIDEGATE, *command], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "standard output: the disk is full; make room\n")


def test_closed_streams_are_no_fault() -> None:
    script = f"{TIDEGATE} model explain fraud/nothing >&- 2>&-; echo $?; {TIDEGATE} model explain fraud/scorer >&-; echo $?"
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["2", "0"], "")


def test_reader_that_has_had_enough_is_no_fault() -> None:
    script = f"{TIDEGATE} model explain fraud/scorer --json | head -c 1 >/dev/null"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {script}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stderr == ""


def test_file_with_a_name_that_is_no_text_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cdktf.json", "pyproject.toml", "clusters"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "gitops/tenants", tmp_path / "gitops/tenants")
    (tmp_path / os.fsdecode(b"gitops/tenants/\xff.txt")).touch()
    monkeypatch.chdir(tmp_path)
    assert main.run(["model", "explain", "fraud/scorer", "--json"]) == 1
    printed = capsys.readouterr()
    assert [one["source"] for one in json.loads(printed.out)["findings"]] == [r"gitops/tenants/\udcff.txt"]


def test_name_that_is_no_text_may_stand_anywhere_in_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    odd = "a\udcff"
    record = Fact(name=odd, one_of=(odd,))
    Screen(as_json=True).answer(
        {odd: [Path(odd), {odd}, Finding(odd, "", "rule", "x", "y"), record, 1, None, True, ExitCode.BUSY, date(2026, 1, 2)]}
    )
    shown = r"a\udcff"
    finding = {"source": shown, "path": "", "rule": "rule", "problem": "x", "remedy": "y", "value": ""}
    kept = [1, None, True, 75, "2026-01-02"]
    assert json.loads(capsys.readouterr().out) == {shown: [shown, [shown], finding, {"name": shown, "one_of": [shown]}, *kept]}


def test_ascii_terminal_is_no_fault() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(
        [TIDEGATE, "model", "explain", "fraud/scörer"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("no served model 'fraud/sc\\xf6rer'")
