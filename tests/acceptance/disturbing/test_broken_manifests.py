"""A broken manifest is named, and the version before it serves on. Four tenants break theirs in one commit, each in another way."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.acceptance.edge_client import Seen, load
from tests.acceptance.running_platform import Running, tell
from tests.acceptance.served_repository import Repository, model_file, setting
from tidegate.embedded.region_status import RegionState

REGION = "live-1"
PATIENCE_SECONDS = 120
RecordProperty = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """Whose manifest is broken and how, and what whoever broke it must find named in the status."""

    reference: str
    change: Callable[[str], str]
    named: str

    @property
    def tenant(self) -> str:
        return self.reference.partition("/")[0]


FAULTS = {
    "unknown-runtime": Fault("scoring/fraud-shadow", setting("runtime", "tidegate-no-such-runtime"), "RuntimeNotRecognized|no-such-runtime"),
    "unknown-field": Fault("merchants/anomaly", lambda text: text.replace("  predictor:\n", "  predictor:\n    noSuchField: true\n", 1), "noSuchField"),
    "wrong-type": Fault("credit/decision", setting("maxReplicas", '"many"'), "maxReplicas"),
    "another-version": Fault(
        "fraud/scorer", lambda text: text.replace("/fraud/scorer/1", "/fraud/scorer/99"), "knows this digest under another"
    ),
}  # fmt: skip

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.touches(regions=[REGION], asks=["credit", "fraud", "merchants"], tenant="scoring", alone=False),
]


@dataclass
class Told:
    """What became of a fault: after how many seconds the status named it, and in which words; and what callers saw meanwhile."""

    callers: Seen
    after_seconds: float = 0
    words: tuple[str, ...] = ()


def problems(state: RegionState, fault: Fault) -> tuple[str, ...]:
    """What the status says of the tenant's Application and of the model."""
    return (
        *(f"{one.name}: {one.problem or one.sync}" for one in state.applications if one.name == f"tenant-{fault.tenant}" and one.problem),
        *(f"{one.name}: {one.problem}" for one in state.models if one.name == fault.reference and one.problem),
    )


def await_names(running: Running, told: Mapping[str, Told]) -> None:
    """Looks until each fault is named or patience ends."""
    started = time.monotonic()
    while (silent := [name for name, one in told.items() if not one.words]) and time.monotonic() - started < PATIENCE_SECONDS:
        state = running.state(REGION)
        for name in silent:
            said = problems(state, FAULTS[name])
            if any(re.search(FAULTS[name].named, line) for line in said):
                told[name].after_seconds, told[name].words = round(time.monotonic() - started, 1), said
                tell(f"{name} is named after {told[name].after_seconds} s")
        time.sleep(2)


@pytest.fixture(scope="module")
def broken(platform: Running) -> Iterator[Repository]:
    """The repository, to be put back."""
    repository = Repository(platform)
    try:
        yield repository
    finally:
        repository.close()


@pytest.fixture(scope="module")
def told(platform: Running, broken: Repository) -> dict[str, Told]:
    """All faults in Git at once, and callers of every model meanwhile."""
    with ExitStack() as calling:
        found = {
            name: Told(calling.enter_context(load(platform, REGION, fault.reference, per_second=5, callers=1)))
            for name, fault in FAULTS.items()
        }
        for fault in FAULTS.values():
            tenant, _, model = fault.reference.partition("/")
            broken.edit(model_file(REGION, tenant, model), fault.change)
        broken.commit("Break four manifests")
        await_names(platform, found)
        time.sleep(3)  # long enough for a wrong answer to show
    return found


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_broken_manifest_leaves_the_previous_version_serving_and_is_named(
    platform: Running, told: dict[str, Told], record_property: RecordProperty, name: str
) -> None:
    fault, seen = FAULTS[name], told[name].callers
    record_property("named_after_seconds", told[name].after_seconds)
    record_property("named", list(told[name].words))
    record_property("callers", seen.told())
    assert told[name].words, f"not within {PATIENCE_SECONDS} s: {fault.named}; told is {problems(platform.state(REGION), fault)}"
    assert seen.sent > 10
    assert not seen.bad, f"{seen.told()} while {name} was in Git"


@pytest.mark.usefixtures("told")
def test_manifests_that_are_mended_are_live_and_answered_again(platform: Running, broken: Repository) -> None:
    broken.close()
    for fault in FAULTS.values():
        assert platform.ask(REGION, fault.reference).status == 200, fault.reference
