"""Deals units out to pytest-xdist's workers: stage by stage, the longest first, and those apart that clash."""

from __future__ import annotations

import threading

import pytest
from xdist.dsession import DSession
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.suite.board import Board
from tests.suite.plan import Load, Plan, Unit, choose


class StagedScheduling(LoadScopeScheduling):
    """As `--dist=loadscope`, with units of the plan as scopes and another choice of the next one.

    A worker starts a test only when it knows the next one, so it is given its next unit while the last tests of one run. That
    unit may have to wait in the worker, for a stage or for a lock; what is chosen here only keeps that rare.
    """

    def __init__(self, config: pytest.Config, log: Producer, board: Board) -> None:
        super().__init__(config, log)
        self._board = board
        self._plan: Plan | None = None
        self._units: dict[str, Unit] = {}
        self._tests: dict[str, tuple[str, float]] = {}

    def schedule(self) -> None:
        """Reads the plan, which every worker has made by now, and begins."""
        if self._plan is None:
            self._plan = self._board.plan()
            self._units = {unit.name: unit for unit in self._plan.units}
            self._tests = {test.node: (test.unit, test.seconds) for test in self._plan.tests}
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._tests[nodeid][0]

    def _seconds(self, unit: dict[str, bool]) -> float:
        return sum(self._tests[node][1] for node, is_done in unit.items() if not is_done)

    def _load(self, node: WorkerController) -> Load:
        pending = {name: tests for name, tests in self.assigned_work[node].items() if not all(tests.values())}
        return Load(units=tuple(self._units[name] for name in pending), seconds=sum(map(self._seconds, pending.values())))

    def _choose(self, node: WorkerController) -> Unit | None:
        queue = [(self._units[name], self._seconds(tests)) for name, tests in self.workqueue.items()]
        return choose(queue, self._load(node), [self._load(other) for other in self.assigned_work if other is not node])

    def _assign_work_unit(self, node: WorkerController) -> None:
        if chosen := self._choose(node):
            self.workqueue.move_to_end(chosen.name, last=False)
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Gives a worker its next unit as late as can be: when only one test is left, which it begins once it knows what follows.

        A worker in a dead one's place is known before it has its tests; it is asked again once it has, by `schedule`.
        """
        if node not in self.registered_collections:
            return
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            waiting = len(self.workqueue)
            if not waiting:
                node.shutdown()
            self._assign_work_unit(node)
            if len(self.workqueue) == waiting:
                return

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """Gives work to everybody who may have some: a worker that got nothing before may get it now."""
        super().mark_test_complete(node, item_index, duration)
        for other in self.nodes:
            if other is not node:
                self._reschedule(other)

    def remove_node(self, node: WorkerController) -> str | None:
        """What a dead worker had left waits again, without the test that killed it; returns that one."""
        units = self.assigned_work.pop(node)
        unfinished = [(name, test) for name, tests in units.items() for test, is_done in tests.items() if not is_done]
        if not unfinished:
            return None
        name, killer = unfinished[0]
        units[name][killer] = True
        self._board.note_end(killer)
        self.workqueue.update({name: tests for name, tests in units.items() if not all(tests.values())})
        # A worker that takes its place is on its way, unless too many have died.
        return killer


class Watch:
    """Tells workers that wait for each other when pytest ends the run early: after -x, or after too many dead workers."""

    def __init__(self, session: DSession, scheduling: LoadScopeScheduling, board: Board) -> None:
        self._session, self._scheduling, self._board = session, scheduling, board
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            if self._session.shuttingdown and self._scheduling.workqueue:
                self._board.stop("the run ends early")
                return

    def end(self) -> None:
        """Looks no more."""
        self._over.set()
        self._thread.join()
