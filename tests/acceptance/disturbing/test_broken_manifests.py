"""A broken manifest is named, and the version before it serves on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.acceptance.edge_client import load
from tests.acceptance.running_platform import Running, wait_for
from tests.acceptance.served_repository import Repository, model_file, setting

REGION, TENANT, MODEL = "live-1", "fraud", "scorer"
RecordProperty = Callable[[str, object], None]

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION], asks=[TENANT], alone=False)]


BROKEN: dict[str, tuple[Callable[[str], str], str]] = {
    "unknown-runtime": (setting("runtime", "tidegate-no-such-runtime"), "RuntimeNotRecognized|no-such-runtime"),
    "unknown-field": (lambda text: text.replace("  predictor:\n", "  predictor:\n    noSuchField: true\n", 1), "noSuchField"),
    "wrong-type": (setting("maxReplicas", '"many"'), "maxReplicas"),
    "another-version": (lambda text: text.replace("/fraud/scorer/1", "/fraud/scorer/99"), "knows this digest under another"),
}
"""How the file is broken, and what whoever broke it must find named in the status."""


@pytest.mark.parametrize("fault", sorted(BROKEN))
def test_broken_manifest_leaves_the_previous_version_serving_and_is_named(
    platform: Running, repository: Repository, record_property: RecordProperty, fault: str
) -> None:
    change, word = BROKEN[fault]
    with load(platform, REGION, f"{TENANT}/{MODEL}", per_second=5, callers=1) as seen:
        repository.edit(model_file(REGION, TENANT, MODEL), change)
        repository.commit(f"Break {TENANT}: {fault}")

        def problems() -> list[str]:
            state = platform.state(REGION)
            return [
                *(f"{one.name}: {one.problem or one.sync}" for one in state.applications if one.name == f"tenant-{TENANT}" and one.problem),
                *(f"{one.name}: {one.problem}" for one in state.models if one.name == f"{TENANT}/{MODEL}" and one.problem),
            ]

        seconds = wait_for(f"status names {word}", problems, lambda said: any(re.search(word, line) for line in said), 120, 2)
        record_property("named_after_seconds", seconds)
        record_property("named", problems())
        time.sleep(3)  # long enough for a wrong answer to show
    record_property("callers", seen.told())
    assert seen.sent > 10
    assert not seen.bad, f"{seen.told()} while {fault} was in Git"
    repository.close()
    assert platform.ask(REGION, f"{TENANT}/{MODEL}").status == 200
