"""One live platform for all tests of this folder: brought up before the first and taken down after the last, unless it is up already.

In which order tests run and who waits for whom is in `tests/suite`; this file says what that is about: these regions and
tenants, and a machine that can run them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.attached import Attached, bring_platform_up, take_platform_down
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tests.acceptance.served_repository import Renderer, Repository
from tests.root import ROOT
from tests.suite import times
from tests.suite.expected import Expected
from tests.suite.staged_run import StagedRun
from tidegate.checkout import Checkout
from tidegate.embedded import machine_needs
from tidegate.errors import TidegateError

HERE = Path(__file__).parent
TENANTS = {region: [tenant.name for tenant in INVENTORY.tenants_of(region)] for region in REGIONS}
_RUN = pytest.StashKey[StagedRun]()
_PROBLEMS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    table: dict[str, float] = json.loads((HERE / "seconds.json").read_text(encoding="utf-8"))
    run = StagedRun(config, HERE, TENANTS, Expected([times.read(times.TIMES), times.read(times.LAST)], table))
    config.stash[_RUN], config.stash[_PROBLEMS] = run, []
    config.pluginmanager.register(run)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = what_is_lacking()
    for item in items:
        if config.stash[_RUN].is_ours(item):
            item.add_marker(pytest.mark.acceptance)
            if lacking:
                item.add_marker(pytest.mark.skip(reason=lacking))


def what_is_lacking() -> str:
    """What this machine lacks to run regions; empty when they can run."""
    return "\n".join(str(finding) for finding in machine_needs.lacking())


def pytest_sessionstart(session: pytest.Session) -> None:
    """Brings the platform up, before pytest-xdist starts its workers."""
    run = session.config.stash[_RUN]
    if run.is_worker or session.config.option.collectonly:
        return
    if lacking := what_is_lacking():
        said = f"no test on running regions was run, because this machine cannot run them:\n{lacking}"
        if os.environ.get("CI"):
            pytest.exit(said, returncode=1)
        session.config.stash[_PROBLEMS].append(said)
        return
    try:
        bring_platform_up().write(run.folder)
    except TidegateError as error:
        pytest.exit(f"the regions did not come up: {error}", returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Takes the platform down that this run brought up; the run fails when something of it is left."""
    run = session.config.stash[_RUN]
    attached = None if run.is_worker else Attached.read(run.folder)
    if attached and attached.is_ours:
        try:
            take_platform_down()
        except TidegateError as error:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            session.config.stash[_PROBLEMS].append(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for problem in config.stash[_PROBLEMS]:
        terminalreporter.section("tests on running regions", red=True, bold=True)
        terminalreporter.write_line(problem, red=True)


@pytest.fixture(scope="session")
def platform(pytestconfig: pytest.Config) -> Iterator[Running]:
    """The platform of the checkout that the tests lie in, live."""
    attached = Attached.read(pytestconfig.stash[_RUN].folder)
    if attached is None:
        pytest.fail("the regions are not up: ask pytest for tests/acceptance, or a file in it, which brings them up", pytrace=False)
    running = attached.running()
    yield running
    running.close()


@pytest.fixture
def repository(platform: Running) -> Iterator[Repository]:
    """The repository, put back at the end, with the regions that it touched as live as they were."""
    opened = Repository(platform)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def renderer(platform: Running, tmp_path: Path) -> Iterator[Renderer]:
    """Renders an inventory for the regions; at the end the checkout's own is in its place again."""
    opened = Renderer(platform, tmp_path)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def copy(tmp_path: Path) -> Checkout:
    """The inventory, to be changed."""
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / "copy" / folder)
    return Checkout(tmp_path / "copy")
