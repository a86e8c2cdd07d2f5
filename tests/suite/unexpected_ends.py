"""A fault in Tidegate fails whatever test it happens in: exit code 70, of the command line or of a program of ours, here, in a process or
in a server.

A test of how faults are told says so with the mark `fault`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Generator
from typing import Any

import pytest

from tidegate import endings, tools
from tidegate.cli import main
from tidegate.endings import ExitCode
from tidegate.errors import UnexpectedError

MARK = "fault"

seen: list[str] = []
"""Faults since the last look, each as what ended with it."""


def watch() -> None:
    """From now on every process that ends with 70, and every unexpected error that is judged in this one, is kept in `seen`."""
    if getattr(subprocess.Popen, "is_watched_for_faults", False):
        return
    subprocess.Popen.wait = _watching(subprocess.Popen.wait)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType] - the class is generic
    subprocess.Popen.poll = _watching(subprocess.Popen.poll)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType] - the class is generic
    subprocess.Popen.is_watched_for_faults = True  # pyright: ignore[reportAttributeAccessIssue] - our own mark, against watching twice
    _watch_servers()
    judge = endings.exit_code

    def judged(error: Any) -> ExitCode:
        if isinstance(error, UnexpectedError):
            seen.append(str(error))
        return judge(error)

    for module in (endings, main):  # who imports the name has it of their own
        vars(module)["exit_code"] = judged


_servers: dict[tools.ServerProcess, str] = {}
"""Servers that were started and, as far as anybody has looked, still run; each with its command."""


def _watch_servers() -> None:
    """Nobody waits for a server: whoever looks whether it runs reaps it, and learns no exit code."""
    start, reap = tools.start_server, os.waitpid

    def started(command: Any, **options: Any) -> tools.ServerProcess:
        server = start(command, **options)
        _servers[server] = tools.quoted(command)
        return server

    def reaped(pid: int, options: int) -> tuple[int, int]:
        ended, status = reap(pid, options)
        if ended and os.WIFEXITED(status) and os.WEXITSTATUS(status) == ExitCode.UNEXPECTED:
            seen.append(f"exit code 70 of {next((command for server, command in _servers.items() if server.pid == ended), ended)}")
        return ended, status

    tools.start_server = started
    os.waitpid = reaped  # the library of subprocesses has a name of its own for it


def _look_at_servers() -> None:
    for server in list(_servers):
        if not tools.is_running(server):
            del _servers[server]


def _watching(original: Callable[..., Any]) -> Callable[..., Any]:
    def watched(process: Any, *arguments: Any, **options: Any) -> Any:
        was_known = process.returncode is not None
        code = original(process, *arguments, **options)
        if code == ExitCode.UNEXPECTED and not was_known:
            seen.append(f"exit code 70 of {process.args}")
        return code

    return watched


class UnexpectedEnds:
    """The plugin: looks after every phase of a test."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        _look_at_servers()
        found = seen[:]
        seen.clear()
        if found and item.get_closest_marker(MARK) is None:
            report.outcome = "failed"
            report.longrepr = "\n".join(["a fault in Tidegate:", *found, str(report.longrepr or "")])
        return report
