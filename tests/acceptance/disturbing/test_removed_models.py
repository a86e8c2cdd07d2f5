"""A file that is cut short or empty takes no model away and is named; only a tombstone removes a model."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.acceptance.access_review import Account
from tests.acceptance.command_line import shown
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running, wait_for
from tests.acceptance.served_repository import Renderer, Repository, model_file
from tidegate.checkout import Checkout
from tidegate.facts import names
from tidegate.repository.remove_model import remove_model

TENANT, MODEL, OTHER = "scoring", "fraud-shadow", "batch"
REFERENCE = f"{TENANT}/{MODEL}"
NAMESPACE = INVENTORY.tenants[TENANT].namespace_name
REGION = REGIONS[-1]
RESTORED_SECONDS = 20
RecordProperty = Callable[[str, object], None]

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=REGIONS, asks=[TENANT], tenant=TENANT, alone=False)]

CUTS: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", f"Git has lost InferenceService {MODEL}"),
    "half": (lambda text: text[: len(text) // 2], MODEL),
    # Reads as a whole object: what is missing is the last line, and with it what admission looks for.
    "without-its-last-line": (lambda text: text[: text.rstrip().rindex("\n") + 1], MODEL),
}


def running(platform: Running, region: str = REGION, model: str = MODEL) -> tuple[str, set[str]]:
    """The model's InferenceService and its pods, by uid; none when it is not there or on its way out."""
    found: list[Any] = platform.read(region, "inferenceservices", f"--namespace={NAMESPACE}")["items"]
    services = [one["metadata"]["uid"] for one in found if one["metadata"]["name"] == model and "deletionTimestamp" not in one["metadata"]]
    selector = f"--selector={names.KSERVE_LABEL_MODEL}={model}"
    pods: list[Any] = platform.read(region, "pods", f"--namespace={NAMESPACE}", selector)["items"]
    return next(iter(services), ""), {one["metadata"]["uid"] for one in pods if "deletionTimestamp" not in one["metadata"]}


def stays(platform: Running, before: tuple[str, set[str]]) -> bool:
    """Whether the model is the one of before and still runs in pods of then; its autoscaler may have taken some of them away."""
    service, pods = running(platform)
    return service == before[0] and bool(pods & before[1])


def problem(platform: Running) -> str:
    """What the status says of the Application that holds the tenant's models."""
    return next(one.problem for one in platform.state(REGION).applications if one.name == f"tenant-{TENANT}")


@pytest.mark.parametrize("cut", sorted(CUTS))
def test_file_that_is_cut_short_takes_no_model_away_and_is_named(
    platform: Running, repository: Repository, record_property: RecordProperty, cut: str
) -> None:
    change, named = CUTS[cut]
    before = running(platform)
    assert all(before), f"{REFERENCE} does not run"
    repository.edit(model_file(REGION, TENANT, MODEL), change)
    started = time.monotonic()
    repository.commit(f"Cut a file short: {cut}")
    wait_for(f"the status names {named}", lambda: problem(platform), lambda said: named in said, 60, 1)
    record_property("named_after_seconds", round(time.monotonic() - started, 1))
    record_property("named", problem(platform))
    time.sleep(3)  # long enough for a deletion to show
    assert stays(platform, before)
    assert platform.ask(REGION, REFERENCE).status == 200
    # Between two attempts Argo CD has nothing to say for a moment.
    wait_for(
        "the explanation names it", lambda: shown("model", "explain", REFERENCE, columns=400), lambda told: "serving, but" in told, 30, 1
    )
    started = time.monotonic()
    repository.revert()
    wait_for("the restored file is live", lambda: platform.tenant_waits_for(REGION, TENANT), lambda waiting: not waiting, 120, 0.5)
    seconds = round(time.monotonic() - started, 1)
    record_property("restored_after_seconds", seconds)
    assert stays(platform, before)
    assert seconds <= RESTORED_SECONDS


@pytest.mark.parametrize("region", REGIONS)
def test_account_that_applies_models_may_delete_none(platform: Running, region: str) -> None:
    """Whatever Argo CD takes Git to say: the API server has the last word."""
    with platform.api(region) as api:
        for name, tenant in INVENTORY.tenants.items():
            account = Account(tenant.namespace_name, names.deploy_service_account(name))
            for model in tenant.models:
                path = f"/apis/serving.kserve.io/v1beta1/namespaces/{tenant.namespace_name}/inferenceservices/{model}?dryRun=All"
                status, answer = api.request("DELETE", path, user=account.user)
                assert (status, "cannot delete resource" in answer["message"]) == (403, True), answer


def test_tombstone_removes_one_model_and_the_other_of_its_tenant_stays(
    platform: Running, renderer: Renderer, copy: Checkout, record_property: RecordProperty
) -> None:
    before = {region: running(platform, region) for region in REGIONS}
    assert all(running(platform, region, OTHER)[0] for region in REGIONS)
    remove_model(copy, f"{TENANT}/{OTHER}", "maria@example.com", "An end-to-end test removes it for a while.", date(2026, 11, 21))
    renderer.render(copy.root)
    started = time.monotonic()
    assert renderer.commit(f"Remove {TENANT}/{OTHER}")
    for region in REGIONS:
        wait_for(f"{OTHER} is gone from {region}", lambda at=region: running(platform, at, OTHER), lambda left: not left[0], 180, 1)
        record_property(f"{region}_gone_after_seconds", round(time.monotonic() - started, 1))
    for region in REGIONS:
        assert running(platform, region)[0] == before[region][0]
        assert platform.ask(region, REFERENCE).status == 200
    started = time.monotonic()
    renderer.take_back(f"Bring {TENANT}/{OTHER} back")
    for region in REGIONS:
        wait_for(f"{OTHER} is back in {region}", lambda at=region: running(platform, at, OTHER), lambda found: bool(found[0]), 180, 1)
        record_property(f"{region}_back_after_seconds", round(time.monotonic() - started, 1))
