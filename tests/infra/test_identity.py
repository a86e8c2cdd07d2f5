"""A tenant's pods reach their own models and nobody else's."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from infra.main import synthesise
from infra.target import Target
from tests.infra.synthesis import Synthesis, read_synthesis, statements
from tidegate.facts import cloud_names, names
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant


def policy_of(synthesis: Synthesis, cluster: str, tenant: str) -> list[dict[str, Any]]:
    return statements(synthesis.one(f"{cluster}-identity/aws_iam_role_policy.tenant-{tenant}")["policy"])


def may_read(policy: list[dict[str, Any]], bucket: str, key: str) -> bool:
    """Whether some statement allows reading the object; `*` in IAM crosses slashes, as fnmatch's does."""
    arn = f"arn:aws:s3:::{bucket}/{key}"
    return any(
        statement["Effect"] == "Allow"
        and "s3:GetObject" in statement["Action"]
        and any(fnmatchcase(arn, pattern) for pattern in many(statement["Resource"]))
        for statement in policy
    )


def many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.fixture(scope="module")
def team_1_and_10(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """The platform with two tenants whose names begin alike."""
    pattern = platform.tenants["scoring"]
    tenants: dict[str, Tenant] = {name: pattern.model_copy(update={"name": name}) for name in ("team-1", "team-10")}
    folder = tmp_path_factory.mktemp("teams")
    synthesise(Platform(platform.clusters, tenants), Target(), folder)
    return read_synthesis(folder)


def test_tenant_reads_its_own_models(production: Synthesis, platform: Platform) -> None:
    for name, cluster in platform.clusters.items():
        bucket = cloud_names.models_bucket(name, cluster.account_id)
        for tenant in platform.tenants_of(name):
            assert may_read(policy_of(production, name, tenant.name), bucket, f"{tenant.name}/chat/1/model.onnx")


def test_tenant_reads_nobody_elses_models(production: Synthesis, platform: Platform) -> None:
    for name, cluster in platform.clusters.items():
        bucket = cloud_names.models_bucket(name, cluster.account_id)
        tenants = [tenant.name for tenant in platform.tenants_of(name)]
        reached = [
            (one, other) for one in tenants for other in tenants
            if one != other and may_read(policy_of(production, name, one), bucket, f"{other}/chat/1/model.onnx")
        ]  # fmt: skip
        assert reached == []


def test_team_1_does_not_reach_team_10(team_1_and_10: Synthesis, platform: Platform) -> None:
    bucket = cloud_names.models_bucket("live-1", platform.clusters["live-1"].account_id)
    policy = policy_of(team_1_and_10, "live-1", "team-1")
    assert may_read(policy, bucket, "team-1/model")
    assert not may_read(policy, bucket, "team-10/model")
    [listing] = [statement for statement in policy if statement["Action"] == "s3:ListBucket"]
    prefixes = many(listing["Condition"]["StringLike"]["s3:prefix"])
    assert not any(fnmatchcase("team-10/", pattern) for pattern in prefixes)
    assert not any(fnmatchcase("", pattern) for pattern in prefixes), "an empty prefix lists every tenant"


def test_tenant_reads_from_its_own_region_only(production: Synthesis, platform: Platform) -> None:
    other = platform.clusters["live-2"]
    bucket = cloud_names.models_bucket("live-2", other.account_id)
    assert not may_read(policy_of(production, "live-1", "credit"), bucket, "credit/decision/1/model")


def test_tenant_writes_nothing_and_has_no_wildcard_action(production: Synthesis) -> None:
    allowed = {"s3:ListBucket", "s3:GetObject", "s3:GetObjectVersion", "kms:Decrypt"}
    for stack, name, attributes in production.each("aws_iam_role_policy"):
        if name.startswith("tenant-"):
            for statement in statements(attributes["policy"]):
                assert set(many(statement["Action"])) <= allowed, f"{stack}/{name}"
                assert "*" not in many(statement["Resource"]), f"{stack}/{name}"


def test_key_is_used_through_s3_only(production: Synthesis) -> None:
    [decrypt] = [statement for statement in policy_of(production, "live-2", "fraud") if statement["Action"] == "kms:Decrypt"]
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}


def test_only_the_tenants_own_service_account_becomes_its_role(production: Synthesis, platform: Platform) -> None:
    for name, cluster in platform.clusters.items():
        for tenant in platform.tenants_of(name):
            [trust] = statements(production.one(f"{name}-identity/aws_iam_role.tenant-{tenant.name}")["assume_role_policy"])
            assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
            assert trust["Condition"]["StringEquals"] == {
                "aws:SourceAccount": cluster.account_id,
                "aws:RequestTag/kubernetes-namespace": tenant.namespace_name,
                "aws:RequestTag/kubernetes-service-account": names.serving_service_account(tenant.name),
            }
            assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": f"arn:aws:eks:{cluster.region}:{cluster.account_id}:cluster/{name}"}


def test_each_tenant_is_bound_to_its_namespace(production: Synthesis, platform: Platform) -> None:
    for name in platform.clusters:
        for tenant in platform.tenants_of(name):
            bound = production.one(f"{name}-identity/aws_eks_pod_identity_association.tenant-{tenant.name}")
            assert (bound["namespace"], bound["service_account"]) == (tenant.namespace_name, names.serving_service_account(tenant.name))
            assert bound["role_arn"] == f"${{aws_iam_role.tenant-{tenant.name}.arn}}"
