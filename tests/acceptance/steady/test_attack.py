"""No tenant reaches another but where its file says so, over any data path, and nothing of the attack stays."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.running_platform import INVENTORY, REGIONS, TIDEGATE, Running, wait_for
from tests.root import WHOLE
from tidegate.attack import pods
from tidegate.attack.attack import attack
from tidegate.attack.cells import MODES, Report
from tidegate.embedded.attacked_regions import attacked_regions
from tidegate.facts import names

TENANTS = sorted(INVENTORY.tenants)
ATTACKED = REGIONS if WHOLE else REGIONS[:1]
"""A region takes three minutes; `make soak` attacks all of them."""

SLEEPER = "assistant/chat"
"""The model that goes to zero: refused calls must not wake it, so nobody else may ask it meanwhile."""

pytestmark = [pytest.mark.timeout(1800), pytest.mark.touches(regions=ATTACKED, tenant=SLEEPER.split("/", maxsplit=1)[0])]


def pods_left(running: Running, region: str) -> list[str]:
    """Every pod of the sleeper, those on their way out too: for the attack it is asleep when none is left."""
    tenant, name = SLEEPER.split("/")
    selector = f"--selector={names.KSERVE_LABEL_MODEL}={name}"
    found = running.read(region, "pods", f"--namespace={INVENTORY.tenants[tenant].namespace_name}", selector)["items"]
    return [one["metadata"]["name"] for one in found]


@pytest.fixture(scope="module")
def report(platform: Running) -> Report:
    told: Callable[[str, str], Any] = lambda _subject, _what: None  # noqa: E731
    for region in ATTACKED:
        wait_for(f"{SLEEPER} of {region} is at zero", lambda at=region: pods_left(platform, at), lambda there: not there, 180, 1)
    return attack(INVENTORY, attacked_regions(platform.local, platform.programs, platform.models), ATTACKED, told)


@pytest.mark.parametrize("region", ATTACKED)
def test_every_cell_is_as_expected(report: Report, region: str, record_property: Callable[[str, object], None]) -> None:
    cells = [cell for cell in report.cells if cell.region == region]
    record_property("cells", len(cells))
    record_property("layers", dict(Counter(cell.layer for cell in cells if cell.layer)))
    record_property("skipped", [line for line in report.skipped if line.startswith(region)])
    wrong = [
        f"{one.source} to {one.target}, {one.mode}, {one.path}: {one.seen} by {one.layer}" for one in report.wrong if one.region == region
    ]
    assert not wrong, "\n".join(wrong)
    assert len(cells) >= 100
    assert [cell for cell in cells if cell.path == "refused calls at zero"], "nothing was asleep"


@pytest.mark.parametrize("region", ATTACKED)
def test_every_pair_is_attacked_in_every_way(report: Report, region: str) -> None:
    tried = {(cell.source, cell.target, cell.mode) for cell in report.cells if cell.region == region}
    assert {(source, target, mode) for source in TENANTS for target in TENANTS for mode in MODES} <= tried


@pytest.mark.parametrize("region", ATTACKED)
def test_refusals_are_logged_by_the_proxy_that_refused(report: Report, region: str) -> None:
    refused = [cell for cell in report.cells if cell.region == region and cell.seen == "403" and cell.mode != "account"]
    assert not [cell for cell in refused if cell.layer == "unknown"], "a refusal that no access log tells"


@pytest.mark.parametrize("region", ATTACKED)
def test_callers_of_the_tenants_files_get_through(report: Report, region: str) -> None:
    through = {
        (cell.source, cell.target)
        for cell in report.cells
        if cell.region == region and cell.path.startswith("local gateway") and cell.seen == "200"
    }
    allowed = {(caller.tenant, one.name) for one in INVENTORY.tenants.values() for caller in one.callers if caller.tenant}
    assert through == allowed | {(name, name) for name in TENANTS}


@pytest.mark.parametrize("region", ATTACKED)
def test_interrupted_attack_leaves_nothing(platform: Running, region: str) -> None:
    cluster = platform.cluster(region)
    command = [TIDEGATE, "tenant", "attack", "--region", region, "--from", "fraud", "--to", "merchants"]
    started = subprocess.Popen(command, cwd=platform.checkout.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the attackers are there", lambda: pods.left_over(cluster), bool, 120, 0.2)
        started.send_signal(signal.SIGTERM)
        assert started.wait(timeout=120) == 130
    finally:
        started.kill()
        started.wait()
    time.sleep(1)
    assert pods.left_over(cluster) == []
