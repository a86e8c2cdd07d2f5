"""The pytest plugin that runs a folder in stages; without pytest-xdist, in one process, it keeps the same order.

A test says what it uses by `@pytest.mark.touches(regions=[...], asks=[...], tenant="...", alone=True)`. Without `regions` it
uses the region that one of its parameters names, else all. It shares the tenants whose models it `asks`, by default all, and
keeps the models of `tenant` to itself. Whoever disturbs keeps its regions to itself unless it says `alone=False`; whoever is
steady shares them unless it says `alone=True`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.dsession import DSession
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from tests.suite.board import Board
from tests.suite.locks import Locks
from tests.suite.plan import STAGES, Needs, Plan, Test, Unit, needs_of
from tests.suite.scheduling import StagedScheduling, Watch
from tests.suite.telling import TERMINAL, tell

_INPUT = "staged_run"
WORDS = {"regions", "asks", "tenant", "alone"}


class StagedRun:
    """Order, locks and barriers for the tests below `top`, in a session or in one of its workers.

    `regions` are those there are, with their tenants; `expected` says how many seconds a test will take.
    """

    def __init__(
        self, config: pytest.Config, top: Path, regions: Mapping[str, Sequence[str]], expected: Callable[[str], float], *,
        first_seconds: float = 10,
    ) -> None:  # fmt: skip
        given: Mapping[str, str] = getattr(config, "workerinput", {})
        self.is_worker = hasattr(config, "workerinput")
        # A controller that was not asked for the folder has not loaded this plugin, and says nothing to its workers.
        self._is_lost = self.is_worker and _INPUT not in given
        self._is_own_folder = _INPUT not in given
        self.folder = Path(given.get(_INPUT) or tempfile.mkdtemp(prefix="tidegate-tests-"))
        self.board = Board(self.folder)
        self._top, self._regions, self._expected, self._first_seconds = top, regions, expected, first_seconds
        self._plan = Plan(units=(), tests=())
        self._unit_of: dict[str, Unit] = {}
        self._locks = Locks(self.folder, tell, first_seconds)
        self._held = ExitStack()
        self._holding = self._refused = ""
        self._watch: Watch | None = None
        TERMINAL.open(config)

    def is_ours(self, item: pytest.Item) -> bool:
        """Whether a test lies in the folder."""
        return self._top in item.path.parents

    # --- the plan ---

    def place(self, item: pytest.Item) -> Unit:
        """Where a test belongs, with what it alone needs."""
        if not self.is_ours(item):  # asked for beside ours; it knows nothing of regions
            return Unit(name=item.nodeid.partition("::")[0], stage=0, needs=Needs())
        within = item.path.relative_to(self._top)
        if within.parts[0] not in STAGES:
            raise pytest.UsageError(f"{item.nodeid} is in none of {', '.join(STAGES)}: move its file")
        stage = STAGES.index(within.parts[0])
        marker = item.get_closest_marker("touches")
        said: Mapping[str, Any] = marker.kwargs if marker else {}
        if marker and (marker.args or said.keys() - WORDS):
            raise pytest.UsageError(f"{item.nodeid}: touches takes {', '.join(sorted(WORDS))} by name, and nothing else")
        parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
        named = {value for value in parameters.values() if isinstance(value, str) and value in self._regions}
        own = named if len(named) == 1 and "regions" not in said else set[str]()
        try:
            needs = needs_of(
                self._regions, within=said.get("regions", own or self._regions), asks=said.get("asks"), tenant=said.get("tenant"),
                alone=said.get("alone", stage > 0),
            )  # fmt: skip
        except ValueError as error:
            raise pytest.UsageError(f"{item.nodeid}: {error}") from error
        # Who ends the platform does so in one row.
        file = STAGES[stage] if STAGES[stage] == "ending" else str(within.with_suffix(""))
        return Unit(name=f"{file}[{next(iter(own))}]" if own and stage < 2 else file, stage=stage, needs=needs)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Ours by stage and unit; the tests of a unit stay in their order, and tests of other folders where they are."""
        at = [place for place, item in enumerate(items) if self.is_ours(item)]
        placed = [(items[place], self.place(items[place])) for place in at]
        placed.sort(key=lambda one: (one[1].stage, one[1].name))
        for place, (item, _) in zip(at, placed, strict=True):
            items[place] = item

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Makes the plan of what was chosen, before the controller hears of it."""
        units: dict[str, Unit] = {}
        tests: list[Test] = []
        for item in session.items:
            placed = self.place(item)
            known = units.setdefault(placed.name, placed)
            units[placed.name] = known.model_copy(update={"needs": known.needs | placed.needs})
            tests.append(Test(node=item.nodeid, unit=placed.name, seconds=self._expected(item.nodeid)))
        self._plan = Plan(units=tuple(units.values()), tests=tuple(tests))
        self._unit_of = {test.node: units[test.unit] for test in tests}
        self.board.publish(self._plan)

    # --- waiting ---

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
        """Waits before pytest-timeout begins to count, and lets go when the next test is of another unit."""
        unit = self._unit_of[item.nodeid]
        self._refused = f"ask pytest for {self._top} by its path" if self._is_lost and self.is_ours(item) else self._await_stage(item, unit)
        if self._holding != unit.name and not self._refused:
            self._held.enter_context(self._locks.held(unit.name, unit.needs))
            self._holding = unit.name
        try:
            return (yield)
        finally:
            if nextitem is None or self._unit_of[nextitem.nodeid].name != unit.name:
                self._held.close()
                self._holding = ""
            self.board.note_end(item.nodeid)

    def _await_stage(self, item: pytest.Item, unit: Unit) -> str:
        return self.board.await_stage(self._plan, unit.stage, lambda text: tell(f"{item.nodeid} {text}"), self._first_seconds)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """A test that would begin too early fails."""
        if self._refused:
            pytest.fail(f"not run, because nothing keeps the order: {self._refused}", pytrace=False)

    # --- pytest-xdist's controller ---

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tells a worker where the board is."""
        node.workerinput[_INPUT] = str(self.folder)  # pyright: ignore[reportUnknownMemberType] - xdist types it in part

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> StagedScheduling:
        """Ours, whatever `--dist` says."""
        scheduling = StagedScheduling(config, log, self.board)
        session: Any = config.pluginmanager.getplugin("dsession")
        assert isinstance(session, DSession)
        self._watch = Watch(session, scheduling, self.board)
        return scheduling

    def pytest_unconfigure(self) -> None:
        """Takes the board away."""
        if self._watch:
            self._watch.end()
        if self._is_own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
