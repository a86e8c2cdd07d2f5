"""The pytest plugin that keeps what every test took and recorded, and tells the slowest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.suite import times
from tests.suite.plan import STAGES
from tests.suite.times import TestTime

_JSON: TypeAdapter[Any] = TypeAdapter(times.JsonValue)


class TimesPlugin:
    """Keeps one session's tests in `path`, and the seconds of each stage of those in the folder `staged`.

    Registered in pytest-xdist's controller and where there is none, not in its workers.
    """

    def __init__(self, path: Path | None = None, staged: str = "tests/acceptance/") -> None:
        self._path, self._staged = path, staged
        self._tests: dict[str, TestTime] = {}
        self._spans: dict[str, tuple[float, float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds one of a test's three phases to it."""
        test = self._tests.setdefault(report.nodeid, TestTime())
        test.seconds = round(test.seconds + report.duration, 2)
        if report.when == "call" or report.outcome != "passed":
            test.outcome = report.outcome
        if report.when == "teardown":  # which has what set-up and call recorded, too
            test.recorded |= {name: _as_json(value) for name, value in report.user_properties}
        stage = report.nodeid.removeprefix(self._staged).partition("/")[0]
        if report.nodeid.startswith(self._staged) and stage in STAGES and report.when in {"setup", "call", "teardown"}:
            first, last = self._spans.get(stage, (report.start, report.stop))
            self._spans[stage] = min(first, report.start), max(last, report.stop)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Adds all to the file."""
        if self._tests:
            phases = {f"acceptance, {stage}": round(last - first, 1) for stage, (first, last) in self._spans.items()}
            times.add(phases=phases, tests=self._tests, path=self._path)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tells the slowest of the whole run so far, those of sessions before this one among them."""
        if len(self._tests) > times.SHOWN:
            terminalreporter.section("slowest tests of the run so far (out/times.json)")
            for line in times.slowest(times.read(self._path)):
                terminalreporter.write_line(line)


def _as_json(value: object) -> Any:
    try:
        return _JSON.validate_python(value)
    except ValidationError:
        return str(value)
