"""A ceiling that the quota can never reach is told, and nobody is refused for it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import botocore.session
import pytest

from tests.root import ROOT
from tests.tidegate.facts.documents import VALID, committed
from tidegate.facts import cloud_names
from tidegate.facts.cluster import Cluster, GpuPool
from tidegate.facts.inventory.load import load
from tidegate.facts.models.artefact import FETCHED_SCHEME
from tidegate.facts.platform import Platform, check, warn
from tidegate.facts.tenant import Tenant


def _platform(tenant: str, **changed: Any) -> Platform:
    document: Any = committed(f"gitops/tenants/{tenant}.yaml")
    for path, value in changed.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place[parent]
        place[last] = value
    fact = Tenant.model_validate_json(json.dumps(document))
    return Platform(CLUSTERS, {fact.name: fact})


CLUSTERS = {name: Cluster.model_validate_json(json.dumps(VALID[name])) for name in ("live-1", "live-2")}


def test_committed_tenants_reach_their_ceilings() -> None:
    assert warn(load(ROOT)) == []


@pytest.mark.parametrize(
    ("tenant", "changed", "warning"),
    [
        pytest.param(
            "credit", {"quota__cpu": 26},
            "gitops/tenants/credit.yaml: models.decision.scaling.max_replicas = 6: quota.cpu has room for 5 replicas; "
            "raise the quota or lower max_replicas [ceiling-above-quota]",
            id="cores-beside-the-companions",
        ),
        pytest.param(
            "assistant", {"quota__accelerators": {"nvidia.com/gpu": 3}},
            "gitops/tenants/assistant.yaml: models.chat.scaling.max_replicas = 4: quota.accelerators.nvidia.com/gpu has room for 3 replicas; "
            "raise the quota or lower max_replicas [ceiling-above-quota]",
            id="cards",
        ),
    ],
)  # fmt: skip
def test_ceiling_above_the_quota_is_a_warning(tenant: str, changed: dict[str, Any], warning: str) -> None:
    platform = _platform(tenant, **changed)
    assert [found for found in check(platform) if "quota" in found.rule] == []
    assert [str(found) for found in warn(platform)] == [warning]


def test_quota_with_room_for_floors_and_one_release_is_accepted() -> None:
    """Two cores, 0.1 for the mesh and 0.025 for Knative's queue-proxy, twelve times."""
    assert [found for found in check(_platform("fraud", quota__cpu=25.5)) if "quota" in found.rule] == []
    (found,) = [found for found in check(_platform("fraud", quota__cpu=25.499)) if "quota" in found.rule]
    assert "the floors need 12.75 and a release of scorer 12.75 more beside them" in str(found)


def test_standard_mode_needs_room_for_a_quarter_only() -> None:
    """Twelve pods of 2.1 cores (there is no queue-proxy), and three that a Deployment starts beside them."""
    scaling = {"mode": "standard", "min_replicas": 12, "max_replicas": 12}
    changed = {"models__scorer__scaling": scaling, "models__scorer__rollout": {"strategy": "pinned"}}
    assert [found for found in check(_platform("fraud", quota__cpu=31.5, **changed)) if "quota" in found.rule] == []
    (found,) = [found for found in check(_platform("fraud", quota__cpu=31.4, **changed)) if "quota" in found.rule]
    assert "a release of scorer 6.3 more beside them" in str(found)


@pytest.mark.parametrize(
    ("accelerator", "most_gib"),
    [
        pytest.param({"accelerator": "nvidia-l4", "share": "whole"}, 20.2, id="card-of-24-gb"),
        pytest.param({"accelerator": "nvidia-l4", "share": "whole", "count": 2}, 40.4, id="two-cards"),
        pytest.param({"accelerator": "nvidia-h100-80gb", "share": "mig-1g.10gb"}, 8.9, id="slice"),
        pytest.param({"accelerator": "nvidia-l4", "share": "time-slice"}, 2.5, id="card-in-eight-turns"),
    ],
)
def test_weights_leave_room_for_the_context_of_their_card_or_share(accelerator: dict[str, Any], most_gib: float) -> None:
    pools = {
        **CLUSTERS["live-1"].gpu_pools,
        **{
            f"l4-turns-{turns}": GpuPool.model_validate_json(
                '{"accelerator": "nvidia-l4", "instance_types": ["g6.2xlarge"], "capacity_types": ["on-demand"], "max_gpus": 4, '
                f'"sharing": {{"kind": "time-slicing", "replicas": {turns}}}}}'
            )
            for turns in (2, 8)
        },
    }
    clusters = {name: cluster.model_copy(update={"gpu_pools": pools}) for name, cluster in CLUSTERS.items()}

    def found(size_gib: float) -> list[str]:
        platform = _platform("assistant", models__chat__artefact__size_gib=size_gib, models__chat__accelerator=accelerator)
        return [str(one) for one in check(replace(platform, clusters=clusters)) if one.rule.startswith("weights")]

    assert found(math.floor(most_gib * 1024) / 1024) == []
    (refused,) = found(math.ceil((most_gib + 0.1) * 1024) / 1024)
    assert f"has room for {most_gib:g} GiB of weights" in refused


def test_weights_without_a_card_leave_the_server_some_memory() -> None:
    assert [one for one in check(_platform("fraud", models__scorer__artefact__size_gib=1.5)) if one.rule.startswith("weights")] == []
    (found,) = [one for one in check(_platform("fraud", models__scorer__artefact__size_gib=2)) if one.rule.startswith("weights")]
    assert "leaves the server nothing of a replica's 2 GiB" in str(found)


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "ap-southeast-4", "il-central-1", "mx-central-1", "ca-west-1"])
def test_region_of_the_partition_is_accepted(region: str) -> None:
    document = json.loads(json.dumps(VALID["live-1"]).replace("eu-west-1", region))
    assert Cluster.model_validate_json(json.dumps(document)).region == region


def test_every_region_that_botocore_knows_is_judged_by_its_partition() -> None:
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ec2", partition_name=partition):
            document = json.dumps(VALID["live-1"]).replace("eu-west-1", region)
            if partition == "aws":
                assert Cluster.model_validate_json(document).region == region
            else:
                with pytest.raises(ValueError, match=r"another partition than arn:aws|string_pattern_mismatch"):
                    Cluster.model_validate_json(document)


@pytest.mark.parametrize("cluster", ["live-1", "live-2"])
def test_only_the_scheme_of_the_clusters_registry_is_admitted(cluster: str) -> None:
    """A pod reads what the file names from the bucket of its own cluster, with AWS' credentials; the file writes the same scheme."""
    model = load(ROOT).tenants["fraud"].models["scorer"]
    read = cloud_names.in_models_bucket(model.artefact.uri, cluster, CLUSTERS[cluster].account_id)
    assert read.startswith(f"{FETCHED_SCHEME}://tidegate-{cluster}-models-")
    program = (ROOT / "clusters/workloads/model_verifier/vault_credentials.py").read_text(encoding="utf-8")
    assert FETCHED_SCHEME == "s3"
    assert "AWS_ACCESS_KEY_ID" in program
    document = committed("gitops/tenants/fraud.yaml")
    document["models"]["scorer"]["artefact"]["uri"] = "gs://tidegate-models/fraud/scorer/1"
    with pytest.raises(ValueError, match="no pod can fetch or verify it"):
        Tenant.model_validate_json(json.dumps(document))
