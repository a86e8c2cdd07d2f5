"""One live platform for all tests of this folder, in the order of their files; what they measured goes to out/e2e.json."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_platform import INVENTORY, REGIONS, ROOT, TERMINAL, Running, tell
from served_repository import Renderer, Repository

from tidegate.operations import embedded_platform, embedded_regions, emulator
from tidegate.operations.checkout import Checkout
from tidegate.operations.local import bring_up, models
from tidegate.operations.local.builds import build

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def platform(pytestconfig: pytest.Config) -> Iterator[Running]:
    """The platform of the checkout that the tests lie in: used and left as it is when it runs, else brought up and taken down."""
    if lacking := embedded_regions.lacking():
        pytest.skip("; ".join(str(finding) for finding in lacking))
    capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
    if capture:
        TERMINAL.past_capture = capture.global_and_fixture_disabled
    checkout = Checkout(ROOT)
    local = bring_up.open_local(checkout, INVENTORY)
    is_ours = not any(local.machine(name).process() for name in REGIONS)

    def on_progress(subject: str, what: str) -> None:
        tell(f"{subject}: {what}")

    try:
        if is_ours:
            # The other stacks have tests of their own, which wait for the provider and not for this machine's two cores.
            embedded_platform.bring_up(checkout, on_progress, only_stacks=embedded_platform.WITHOUT_WHICH_NO_REGION)
        ports = {name: port for name, (port, _) in local.relays().items()}
        running = Running(local, build(checkout, on_progress), models.train(checkout, on_progress), ports, is_ours)
        for region in REGIONS:
            running.wait_until_live(region)
        yield running
    finally:
        if is_ours:
            # Raises when anything is left over, so that a session which leaves something behind fails. The cloud is not
            # destroyed stack by stack, which the emulator's own tests do: it is gone with its process.
            embedded_regions.take_down_regions(checkout, INVENTORY, on_progress)
            emulator.stop(checkout)


@pytest.fixture
def repository(platform: Running) -> Iterator[Repository]:
    """The repository, put back at the end, with the regions as live as they were."""
    opened = Repository(platform)
    try:
        yield opened
    finally:
        opened.revert()
        for region in REGIONS:
            platform.wait_until_live(region)


@pytest.fixture
def renderer(platform: Running) -> Iterator[Renderer]:
    """Renders the checkout's own inventory again at the end, and waits until the regions are as live as they were."""
    opened = Renderer(platform)
    try:
        yield opened
    finally:
        opened.render(ROOT)
        opened.commit("Undo an end-to-end test")
        for region in REGIONS:
            platform.wait_until_live(region, patience_seconds=420)


@pytest.fixture
def copy(tmp_path: Path) -> Checkout:
    """The inventory, to be changed."""
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return Checkout(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order of files and lines: later ones disturb more, the last one ends the platform."""
    ours = [(place, item) for place, item in enumerate(items) if HERE in item.path.parents]
    places, found = [place for place, _ in ours], [item for _, item in ours]
    found.sort(key=lambda item: item.path.name)
    for place, item in zip(places, found, strict=True):
        items[place] = item


_measured: dict[str, dict[str, object]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keeps what a test of this folder recorded, and how long it took."""
    if report.when == "call" and "tests/e2e/" in report.nodeid:
        _measured[report.nodeid.partition("tests/e2e/")[2]] = {
            "outcome": report.outcome, "seconds": round(report.duration, 1), **dict(report.user_properties),
        }  # fmt: skip


def pytest_sessionfinish() -> None:
    """Writes the measurements, if there are any."""
    if _measured:
        (ROOT / "out").mkdir(exist_ok=True)
        (ROOT / "out" / "e2e.json").write_text(json.dumps(_measured, indent=1, sort_keys=True) + "\n", encoding="utf-8")
