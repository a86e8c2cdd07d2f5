"""What all processes of one run know: the plan, which tests have ended, and whether the run is to stop. Files in one folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.suite.locks import Waiting
from tests.suite.plan import STAGES, Plan


@dataclass
class Board:
    """The board of one run. Lines are appended whole, plans are put in place whole: readers see no halves."""

    folder: Path
    _read_bytes: int = 0
    _ended: set[str] = field(default_factory=set[str])

    def publish(self, plan: Plan) -> None:
        """Puts the plan where `plan` finds it; every worker makes the same one."""
        path = self.folder / f"plan.{os.getpid()}"
        path.write_text(plan.model_dump_json(), encoding="utf-8")
        path.replace(self.folder / "plan")

    def plan(self) -> Plan:
        """The plan that a worker has published."""
        return Plan.model_validate_json((self.folder / "plan").read_text(encoding="utf-8"))

    def note_end(self, node: str) -> None:
        """Writes down that a test has ended, well or not."""
        with (self.folder / "ended").open("ab", buffering=0) as file:
            file.write(f"{node}\0".encode())

    def ended(self) -> set[str]:
        """The tests that have ended."""
        path = self.folder / "ended"
        if path.exists():
            with path.open("rb") as file:
                file.seek(self._read_bytes)
                whole, _, _ = file.read().rpartition(b"\0")
            if whole:
                self._read_bytes += len(whole) + 1
                self._ended.update(whole.decode().split("\0"))
        return self._ended

    def stop(self, reason: str) -> None:
        """Says to those who wait for others that nobody will come."""
        (self.folder / "stop").write_text(reason, encoding="utf-8")

    def stopped(self) -> str:
        """Why the run stops, empty when it goes on."""
        path = self.folder / "stop"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def await_stage(self, plan: Plan, stage: int, tell: Callable[[str], None], first_seconds: float = 10) -> str:
        """Waits until all tests of earlier stages have ended; returns why that will not happen, empty when it has."""
        earlier, waiting = plan.before(stage), Waiting(tell, first_seconds)

        def what() -> str:
            left = sorted(earlier - self.ended())
            return f"{len(left)} tests before {STAGES[stage]}: {', '.join(left[:3])}{' ...' if len(left) > 3 else ''}"

        while earlier - self.ended():
            if reason := self.stopped():
                return reason
            waiting.wait(what)
        return ""
