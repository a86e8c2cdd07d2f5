"""What a tenant commits beside its model to get out of its project is refused by Argo CD, and the model serves on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.acceptance.running_platform import REGIONS, Running, wait_for
from tests.acceptance.served_repository import Repository, model_file
from tests.judges.escapes import escapes

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(regions=[REGIONS[-1]], asks=[], tenant="scoring", alone=False)]

COMMITTED = (
    "A1-application",
    "A1-application-at-home",
    "cluster-role-binding",
    "secret-at-home",
    "model-of-a-neighbour",
    "I-virtual-service",
)


@pytest.fixture(scope="module")
def said_of_commit(platform: Running) -> Iterator[list[dict[str, str]]]:
    """What Argo CD says of each object after all escapes lay behind a model's own manifest, which the tenant's Application applies."""
    repository = Repository(platform)
    objects = [escapes("tenant-scoring", "tenant-fraud")[escape][0] for escape in COMMITTED]
    added = "".join(f"---\n{yaml.safe_dump(one)}" for one in objects)
    repository.edit(model_file(REGIONS[-1], "scoring", "fraud-shadow"), lambda text: text + added)
    repository.commit("Try to escape")

    def look() -> list[dict[str, str]]:
        status = platform.read(REGIONS[-1], "application/tenant-scoring", "--namespace=argocd")["status"]
        # There is no operationState for the moment in which Argo CD takes up the next operation.
        return [one for one in status.get("operationState", {}).get("syncResult", {}).get("resources", []) if one["name"] == "e2e-escape"]

    try:
        wait_for("Argo CD judges every escape", look, lambda said: len(said) == len(objects), 180, 1)
        yield look()
    finally:
        repository.close()


@pytest.mark.parametrize("escape", COMMITTED)
def test_argo_cd_refuses_what_is_committed_beside_a_model(platform: Running, said_of_commit: list[dict[str, str]], escape: str) -> None:
    object_, plural = escapes("tenant-scoring", "tenant-fraud")[escape]
    where = object_["metadata"].get("namespace", "")
    group = object_["apiVersion"].rpartition("/")[0]
    same_kind = [one for one in said_of_commit if (one["group"], one["kind"]) == (group, object_["kind"])]
    # Of an object without a namespace the one is told that the Application writes to.
    told = [one for one in same_kind if not where or one["namespace"] == where]
    assert [one["status"] for one in told] == ["SyncFailed"], told
    assert "is not permitted in project" in told[0]["message"]
    kind = f"{plural}.{group}" if group else plural
    scope = [f"--namespace={where}"] if where else []
    assert not platform.cluster(REGIONS[-1]).run("get", kind, "e2e-escape", *scope, "--ignore-not-found").strip()


def test_model_serves_on_beside_refused_objects(platform: Running, said_of_commit: list[dict[str, str]]) -> None:
    assert said_of_commit
    assert platform.ask(REGIONS[-1], "scoring/fraud-shadow").status == 200
