"""Runs a plan from another program: starts Locust as a process of its own, reads what it recorded, and judges that.

Whatever goes wrong on the way is an `invalid` verdict that says what: no recording is never a pass.
"""

from __future__ import annotations

import socket
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from loadtests.gates import GATE, judge
from loadtests.plan import Plan
from loadtests.recording import Recording
from tidegate import tools
from tidegate.errors import ToolError, ToolMissingError
from tidegate.gates.verdict import Outcome, Reason, Verdict

ENVIRONMENT = ".venv-loadtests"
_START_SECONDS = 90.0
"""For Locust and its processes to start, on a busy machine."""
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and what it was made of; None when there is no recording."""

    verdict: Verdict
    recording: Recording | None


def run(root: Path, plan: Plan, recording: Path | None = None) -> Judged:
    """Sends the load of `plan` from the checkout at `root`. `recording` is where the recording stays, if it is to stay."""
    with tempfile.TemporaryDirectory(prefix="tidegate-load-") as name:
        folder = Path(name)
        written = recording or folder / "recording.json"
        try:
            if written.is_file():
                written.unlink()  # so that nobody takes the one of an earlier run for this one's
            (folder / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
        except OSError as error:
            return _invalid(f"{error.filename}: {error.strerror}; free space or name another file")
        port = str(_free_port())
        command = [
            str(root / ENVIRONMENT / "bin" / "locust"), "-f", str(root / "loadtests" / "locustfile.py"), "--headless", "--only-summary",
            "--processes", str(plan.processes), "--expect-workers-max-wait", f"{_START_SECONDS / 2:.0f}", "--plan", str(folder / "plan.json"), "--recording", str(written),
            "--master-bind-host", _LOOPBACK, "--master-bind-port", port, "--master-host", _LOOPBACK, "--master-port", port,
        ]  # fmt: skip
        said: list[str] = []
        limit = plan.seconds * 1.2 + plan.answer_timeout_seconds + _START_SECONDS
        try:
            tools.stream(command, said.append, cwd=root, without=["LOCUST_"], timeout_seconds=limit)
        except ToolMissingError:
            return _invalid("Locust is not installed; run `make setup-loadtests`")
        except ToolError as error:
            if error.exit_code not in {one.exit_code for one in Outcome}:
                return _invalid(f"Locust ended with exit code {error.exit_code}: {_last(said)}")
        return read(written, said)


def read(path: Path, said: list[str] | None = None) -> Judged:
    """Judges the recording at `path`; `said` is what Locust said beside it."""
    try:
        recording = Recording.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _invalid(f"{path}: there is no recording: {_last(said or [])}")
    except OSError as error:
        return _invalid(f"{path}: {error.strerror}; name a recording that can be read")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "whole"
        return _invalid(f"{path}: {where}: {first['msg']}; it is no whole recording of a run, so record it again")
    verdict = judge(recording)
    if errors := [line for line in said or [] if _is_error(line)]:
        verdict = replace(verdict, notes=(*verdict.notes, f"Locust: {errors[-1]}"))
    return Judged(verdict, recording)


def _free_port() -> int:
    """Where Locust's processes meet. Its own default is one port for all, so that a second run on this computer would not begin."""
    with socket.create_server((_LOOPBACK, 0)) as free:
        return int(free.getsockname()[1])


def _last(said: list[str]) -> str:
    errors = [line for line in said if _is_error(line)]
    return (errors or said or ["it said nothing"])[-1]


def _is_error(line: str) -> bool:
    return "/ERROR/" in line or "Error:" in line


def _invalid(text: str) -> Judged:
    return Judged(Verdict(GATE, (Reason(Outcome.INVALID, "recording", text),)), None)
