"""What took how long: `out/times.json`, to which every make phase and every pytest session adds what it measured.

`phases` are seconds by name, `tests` by node id with what each recorded, `rest` what the platform costs when nobody asks.
`python -m tests.suite.times begin` puts the file of the run before aside; `... phase <name> <command...>` runs a command and
notes its seconds, also when it fails.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tests.root import ROOT

TIMES = ROOT / "out" / "times.json"
LAST = ROOT / "out" / "last-times.json"
SHOWN = 10


class TestTime(BaseModel):
    """One test: seconds of set-up, call and tear-down together, how it ended, and what it recorded."""

    __test__ = False  # it is no test class
    model_config = ConfigDict(extra="forbid")

    seconds: float = 0
    outcome: str = ""
    recorded: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Times(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    phases: dict[str, float] = Field(default_factory=dict[str, float])
    tests: dict[str, TestTime] = Field(default_factory=dict[str, TestTime])
    rest: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


def read(path: Path | None = None) -> Times:
    """What was measured so far, by default in this run; nothing when there is no file, or one of another form."""
    try:
        return Times.model_validate_json((path or TIMES).read_bytes())
    except (FileNotFoundError, ValidationError):
        return Times()


def add(
    *, phases: Mapping[str, float] | None = None, tests: Mapping[str, TestTime] | None = None,
    rest: Mapping[str, Any] | None = None, path: Path | None = None,
) -> None:  # fmt: skip
    """Adds to the file, also while others do; a name that is there already gets the new value."""
    path = path or TIMES
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        times = read(path)
        times.phases |= phases or {}
        times.tests |= tests or {}
        times.rest |= rest or {}
        written = path.with_suffix(".new")
        written.write_text(json.dumps(times.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
        written.replace(path)


def begin(path: Path = TIMES, last: Path = LAST) -> None:
    """Puts the last run's file aside; the next run reads from it which tests are long."""
    if path.exists():
        path.replace(last)


@contextmanager
def phase(name: str) -> Generator[None]:
    """Notes the seconds of what happens inside, also when it fails."""
    started = time.monotonic()
    try:
        yield
    finally:
        add(phases={name: round(time.monotonic() - started, 1)})


def slowest(times: Times, count: int = SHOWN) -> list[str]:
    """A line for each of the slowest tests, and one for the phases."""
    ordered = sorted(times.tests.items(), key=lambda one: -one[1].seconds)[:count]
    lines = [f"{one.seconds:8.1f} s  {node}" for node, one in ordered]
    return [*lines, ", ".join(f"{name} {seconds:.0f} s" for name, seconds in times.phases.items())]


def main() -> int:
    """The command line that the Makefile uses."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.times")
    commands = parser.add_subparsers(dest="what", required=True)
    starting = commands.add_parser("begin", help="put the last run's file aside")
    starting.add_argument("--set-up", type=float, help="seconds that the set-up took")
    running = commands.add_parser("phase", help="run a command and note its seconds")
    running.add_argument("name")
    running.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    if chosen.what == "begin":
        begin()
        add(phases={"set-up": chosen.set_up} if chosen.set_up is not None else {})
        return 0
    with phase(chosen.name):
        return subprocess.run(chosen.command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
