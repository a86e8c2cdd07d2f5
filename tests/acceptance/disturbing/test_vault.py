"""Pods borrow what opens the model store from their region's Vault: each its own, for minutes; who serves does not need it any more."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.acceptance.edge_client import load
from tests.acceptance.lending import account_token, why_not_lent
from tests.acceptance.running_platform import INVENTORY, TIDEGATE, Running, tell, wait_for
from tests.root import WHOLE
from tidegate import tools
from tidegate.embedded.vault import vault, vault_region
from tidegate.facts import names

RecordProperty = Callable[[str, object], None]

REGION, SERVING, STARTED = "live-2", "fraud/scorer", "merchants/anomaly"
"""One model is asked all the while; pods of the other are started anew meanwhile."""

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION])]

ROTATIONS = 3 if WHOLE else 2
FETCHER = "storage-initializer"
"""KServe's name for the init container that brings the model."""


def pods(running: Running) -> dict[str, bool]:
    """The pods of `STARTED` by name, and whether each is ready; those on their way out left aside."""
    tenant, _, model = STARTED.partition("/")
    selector = f"--selector={names.KSERVE_LABEL_MODEL}={model}"
    found = running.read(REGION, "pods", f"--namespace={INVENTORY.tenants[tenant].namespace_name}", selector)["items"]
    return {
        one["metadata"]["name"]: all(each["ready"] for each in one["status"]["containerStatuses"])
        for one in found if "deletionTimestamp" not in one["metadata"] and "containerStatuses" in one["status"]
    }  # fmt: skip


def replace_pods(running: Running) -> Callable[[], bool]:
    """Takes the pods of `STARTED` away; what is returned says whether others are ready in their place."""
    before = pods(running)
    tenant, _, _ = STARTED.partition("/")
    running.cluster(REGION).run("delete", "pod", *before, f"--namespace={INVENTORY.tenants[tenant].namespace_name}", "--wait=false")

    def are_there() -> bool:
        now = pods(running)
        return bool(now) and not set(now) & set(before) and all(now.values())

    return are_there


def said_by_fetchers(running: Running) -> str:
    """The last words of the containers that fetch the model of `STARTED`."""
    tenant, _, model = STARTED.partition("/")
    selector = f"--selector={names.KSERVE_LABEL_MODEL}={model}"
    return running.cluster(REGION).run(
        "logs", selector, f"--container={FETCHER}", f"--namespace={INVENTORY.tenants[tenant].namespace_name}", "--tail=5"
    )


def names_the_seal(said: str) -> bool:
    """Asked of one reading only: in the next the container may have started again, having said nothing yet."""
    return "No credentials" in said and ("Vault is sealed" in said or "does not answer" in said)


def test_rotation_under_load_loses_no_request(platform: Running, record_property: RecordProperty) -> None:
    keys: set[str] = set()
    took: list[float] = []
    held = account_token(platform, REGION, "fraud")
    with load(platform, REGION, SERVING, per_second=20) as seen:
        for number in range(ROTATIONS):
            said = tools.run([TIDEGATE, "local", "rotate-credentials", REGION, "--json"], cwd=platform.checkout.root).stdout
            keys.add(json.loads(said)["access_key"])
            are_there = replace_pods(platform)
            took.append(wait_for(f"{STARTED} starts with new credentials", are_there, bool, 180, 1))
            tell(f"rotation {number + 1} of {ROTATIONS}: {seen.sent} requests so far, not answered well: {seen.bad}")
    record_property("callers", seen.told())
    record_property("seconds_to_start", took)
    assert len(keys) == ROTATIONS
    assert seen.sent > 100
    assert not seen.bad, seen.told()
    assert why_not_lent(platform, REGION, "fraud", held) == "", "a pod's own identity outlives what it was lent"
    # Its pods were replaced a moment ago: a call may still meet one that ends (seen once, 503 after 3.7 s).
    wait_for(f"{STARTED} answers", lambda: platform.ask(REGION, STARTED).status, lambda status: status == 200, 30)


def test_sealed_vault_leaves_resident_models_serving(platform: Running, record_property: RecordProperty) -> None:
    cluster = platform.cluster(REGION)
    with load(platform, REGION, SERVING, per_second=20) as seen:
        vault_region.seal(platform.local, REGION, cluster)
        try:
            assert "Vault is sealed" in why_not_lent(platform, REGION, "fraud", account_token(platform, REGION, "fraud"))
            are_there = replace_pods(platform)
            wait_for("a pod that starts says what it lacks", lambda: said_by_fetchers(platform), names_the_seal, 90, 2)
            assert not are_there()
        finally:
            cluster.run("delete", "pod", "vault-0", f"--namespace={vault.NAMESPACE}")
        took = wait_for(f"{STARTED} starts once Vault has unsealed itself", are_there, bool, 240, 1)
        answer = platform.ask(REGION, STARTED)
    record_property("callers", seen.told())
    record_property("seconds_to_start", took)
    assert answer.status == 200
    assert seen.sent > 100
    assert not seen.bad, seen.told()
    platform.wait_until_live(REGION)
