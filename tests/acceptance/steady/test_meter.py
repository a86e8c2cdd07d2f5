"""The meter watches the running regions, and what it writes down is shared out without a remainder."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import tidegate
from tests.acceptance.edge_client import load
from tests.acceptance.running_platform import REGIONS, TIDEGATE, Running
from tests.root import ROOT
from tidegate import tools

RecordProperty = Callable[[str, object], None]

SECONDS = 60
ASKED = "fraud/scorer"
MODEL = "scoring/batch"
"""On a card of its own, which is what costs."""

ASKED_IN = REGIONS[-1]
"""All requests to the model are metered, whoever sent them: there nobody else asks it meanwhile."""

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.touches(regions=[ASKED_IN], asks=["scoring"], tenant=ASKED.split("/", maxsplit=1)[0]),
]


def meter(ledger: Path, *options: str) -> None:
    """Watches for a minute."""
    command = [TIDEGATE, "cost", "meter", f"--seconds={SECONDS}", "--close-seconds=10", f"--ledger={ledger}", *options]
    tools.run(command, cwd=ROOT, timeout_seconds=120)


def show(ledger: Path, month: datetime) -> dict[str, Any]:
    return json.loads(tidegate("cost", "show", f"--month={month:%Y-%m}", f"--ledger={ledger}", "--json"))


def test_owners_and_idle_add_up_to_the_bill(platform: Running, tmp_path: Path, record_property: RecordProperty) -> None:
    with ThreadPoolExecutor(len(REGIONS)) as threads:
        nodes = list(threads.map(functools.partial(platform.schedule, reference=MODEL), REGIONS))
    started = datetime.now(UTC)
    both, one = tmp_path / "both", tmp_path / "one"
    with load(platform, ASKED_IN, ASKED, per_second=10) as seen, ThreadPoolExecutor(2) as meters:
        for each in [meters.submit(meter, both), meters.submit(meter, one, f"--region={ASKED_IN}")]:
            each.result()
    if started.month != datetime.now(UTC).month:
        pytest.skip("the month ended meanwhile")
    told = show(both, started)
    bill = told["bill"]
    record_property("bill", {"usd_cents": bill["usd_cents"], "sums": bill["sums"]})
    assert told["regions"] == REGIONS
    assert bill["usd_cents"] == sum(one["usd_cents"] for one in bill["sums"]) == sum(one["usd_cents"] for one in bill["rows"])
    on_cards = [one for one in bill["rows"] if one["gpu_hours"] and one["owner"] == "tenant"]
    assert {(one["tenant"], one["capacity"]) for one in on_cards} == {("scoring", "spot")}, on_cards
    expected = SECONDS / 3600 * sum(map(len, nodes))
    # From both sides: the meter starts and ends within a second or two of what it is told.
    assert sum(one["gpu_hours"] for one in on_cards) == pytest.approx(expected, rel=0.35)
    assert not seen.bad
    counted = {f"{tenant}/{model}": count for tenant, model, count in show(one, started)["bill"]["requests"]}
    record_property("requests", {"sent": seen.sent, "metered": counted})
    # Prometheus looks each 15 s, the meter at Prometheus each 15 s: what came last is not seen, and a canary's copies are not sent.
    assert seen.sent * (SECONDS - 40) / SECONDS <= counted[ASKED] <= seen.sent
    assert {"tenant", "shared", "idle"} <= {one["owner"] for one in bill["rows"]}
