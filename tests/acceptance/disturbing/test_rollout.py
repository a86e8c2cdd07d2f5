"""A model goes from version 1 to 2 and back while callers send all the time, and none of them notices but by the answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.acceptance.edge_client import load, rounded
from tests.acceptance.running_platform import Running, wait_for
from tests.acceptance.served_repository import Repository, model_file
from tidegate.embedded.model_index import find_version
from tidegate.embedded.prediction import TOLERANCE

REGION, MODEL = "live-2", "fraud/scorer"

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION], asks=["fraud"], alone=False)]


def serves(running: Running, version: str) -> float:
    """How far the answer is from the one that `version` gives in process."""
    answer = running.ask(REGION, MODEL, version=version)
    assert answer.status == 200, f"{answer.status} {answer.body[:300]}"
    return running.sample(MODEL, version).largest_difference(json.loads(answer.body))


def settled(running: Running) -> tuple[str, bool, list[int]]:
    (told,) = [one for one in running.state(REGION).models if one.name == MODEL]
    return told.version, told.ready, sorted(told.traffic.values())


def test_rolling_to_version_2_and_back_loses_no_request(
    platform: Running, repository: Repository, record_property: Callable[[str, object], None]
) -> None:
    assert platform.sample(MODEL, "1").request == platform.sample(MODEL, "2").request, "the versions' samples differ"
    assert serves(platform, "1") <= TOLERANCE
    newer = find_version(platform.models, f"{MODEL}/2")
    older = find_version(platform.models, f"{MODEL}/1")
    assert newer
    assert older
    path = model_file(REGION, "fraud", "scorer")
    repository.edit(path, lambda text: text.replace("/fraud/scorer/1", "/fraud/scorer/2").replace(older.sha256, newer.sha256))
    with load(platform, REGION, MODEL, per_second=20) as seen:
        time.sleep(2)
        repository.commit("Roll fraud/scorer to version 2")
        forth = wait_for("fraud/scorer answers as version 2", lambda: serves(platform, "2"), lambda far: far <= TOLERANCE, 180, 1)
        wait_for("version 2 is ready and has all traffic", lambda: settled(platform), lambda now: now == ("2", True, [100]), 120, 1)
        time.sleep(5)  # requests that the old pods still had
        repository.revert()
        back = wait_for("fraud/scorer answers as version 1", lambda: serves(platform, "1"), lambda far: far <= TOLERANCE, 180, 1)
        wait_for("version 1 is ready and has all traffic", lambda: settled(platform), lambda now: now == ("1", True, [100]), 120, 1)
        time.sleep(5)
    record_property("seconds_forth", forth)
    record_property("seconds_back", back)
    record_property("callers", seen.told())
    assert not seen.bad, seen.told()
    assert sum(seen.values.values()) == seen.sent
    both = {rounded(platform.sample(MODEL, version).expected) for version in ("1", "2")}
    assert set(seen.values) == both, f"callers saw {len(seen.values)} different answers: {seen.values}"
