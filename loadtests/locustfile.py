"""The load gate as a locustfile: `locust -f loadtests/locustfile.py --model <tenant>/<model> --host <address> --body <file>`.

With Locust's own page or `--headless`; with `--processes` or several machines as Locust has it. When the run ends, the verdict is printed
and, without the page, is the exit code. Locust's own table and charts show the same requests, timed from when they were due, with Locust's
coarser percentiles; the verdict is made of the recording only.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# Locust says of its events and runners only in part which types they have.

from __future__ import annotations

import ctypes
import logging
import os
import signal
from pathlib import Path
from typing import ClassVar

from locust import LoadTestShape, User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.rpc import Message
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadtests.arguments import ARGUMENTS, read_plan
from loadtests.driver import Driver
from loadtests.gates import judge
from loadtests.plan import Endpoint, Plan
from loadtests.recording import ProcessPart, Recording
from tidegate.errors import TidegateError
from tidegate.gates.verdict import Outcome

logger = logging.getLogger("tidegate.loadtests")
_RECORDED, _FAILED = "tidegate-recorded", "tidegate-failed"
_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 15.0
"""For processes to begin and to hand over what they recorded, beside the plan's own time."""


def _end_with_parent() -> None:
    """Processes that Locust starts end when it does. When it is killed they would wait for it for ever, and whoever reads their output, too."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


os.register_at_fork(after_in_child=_end_with_parent)


class Run:
    """What Locust's classes, which it makes itself, have in common in this process."""

    plan: ClassVar[Plan]
    out: ClassVar[Path | None] = None
    parts: ClassVar[list[ProcessPart]] = []
    failed: ClassVar[list[str]] = []
    """Why a process could not do its share."""
    has_ended: ClassVar[bool] = False


@events.init_command_line_parser.add_listener
def _add_arguments(parser: LocustArgumentParser) -> None:
    for argument in ARGUMENTS:
        parser.add_argument(argument.option, default=argument.default, help=argument.what, include_in_web_ui=False)


@events.init.add_listener
def _begin(environment: Environment, **_: object) -> None:
    options = environment.parsed_options
    runner = environment.runner
    assert options is not None
    assert runner is not None
    try:
        plan, out = read_plan(vars(options))
    except TidegateError as error:
        logger.error("%s", error)  # noqa: TRY400 - the reader needs no traceback
        raise SystemExit(2) from error
    Run.plan = plan.model_copy(update={"processes": 1 if isinstance(runner, LocalRunner) else options.processes or options.expect_workers})
    Run.out = out
    if not isinstance(runner, WorkerRunner):
        runner.register_message(_RECORDED, _collect)
        runner.register_message(_FAILED, _note_failure)


def _collect(msg: Message, **_: object) -> None:
    Run.parts.append(ProcessPart.model_validate_json(msg.data))


def _note_failure(msg: Message, **_: object) -> None:
    Run.failed.append(msg.data)
    logger.error("%s", msg.data)


@events.test_start.add_listener
def _begun(**_: object) -> None:
    Run.has_ended = False


@events.test_stop.add_listener
def _end(environment: Environment, **_: object) -> None:
    if isinstance(environment.runner, WorkerRunner) or Run.has_ended:
        return
    Run.has_ended = True
    recording = Recording(plan=Run.plan, processes=tuple(Run.parts))
    verdict = judge(recording)
    environment.process_exit_code = verdict.outcome.exit_code
    print("\n".join(verdict.lines()), flush=True)  # noqa: T201 - this is a program
    if Run.out:
        try:
            Run.out.write_text(recording.model_dump_json(), encoding="utf-8")
        except OSError as error:
            logger.error("the recording is not kept: %s: %s; free space or name another file", Run.out, error.strerror)  # noqa: TRY400
            environment.process_exit_code = Outcome.INVALID.exit_code


@events.quitting.add_listener
def _never_began(environment: Environment, **_: object) -> None:
    if isinstance(environment.runner, MasterRunner | LocalRunner) and environment.process_exit_code is None:
        logger.error("no run was begun, so there is no verdict")
        environment.process_exit_code = Outcome.INVALID.exit_code


class Callers(User):
    """All callers of one process. One of these in each process sends its share of the schedule, however many requests are under way."""

    @task
    def call(self) -> None:
        """The whole run."""
        runner = self.environment.runner
        assert runner is not None
        process: int = runner.worker_index
        if 0 <= process < Run.plan.processes and not Run.has_ended:
            Run.has_ended = isinstance(runner, WorkerRunner)  # Locust moves users here when another process is lost
            try:
                recorded = Driver(Run.plan, process, self._show).run()
            except Exception as error:  # noqa: BLE001 - whatever it was, the run must end and say so
                runner.send_message(_FAILED, f"process {process} could not do its share: {error!r}")
            else:
                runner.send_message(_RECORDED, recorded.model_dump_json())
        raise StopUser

    def _show(self, endpoint: Endpoint, milliseconds: float, failed: str) -> None:
        """Locust's table and charts."""
        self.environment.events.request.fire(
            request_type=endpoint.protocol, name=endpoint.name, response_time=milliseconds, response_length=0,
            exception=NoAnswerShown(failed) if failed else None, context={},
        )  # fmt: skip


class NoAnswerShown(Exception):  # noqa: N818 - Locust's table shows the name
    """Why a request failed, for Locust's table."""


class UntilRecorded(LoadTestShape):
    """One `Callers` for each process, until every process has handed over what it recorded, or will not any more."""

    def reset_time(self) -> None:
        """As Locust does before a run: nothing of an earlier one is left."""
        Run.parts.clear()
        Run.failed.clear()
        super().reset_time()

    def tick(self) -> tuple[int, float] | None:
        """As Locust asks each second."""
        longest = Run.plan.seconds * 1.2 + Run.plan.answer_timeout_seconds + _GRACE_SECONDS
        silent = len(self.runner.clients.missing) if isinstance(self.runner, MasterRunner) else 0
        if len(Run.parts) + len(Run.failed) + silent >= Run.plan.processes or self.get_run_time() > longest:
            return None
        return Run.plan.processes, float(Run.plan.processes)
