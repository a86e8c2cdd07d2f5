"""Every name fits where it is used, for every input the models let through."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.tidegate.facts.documents import cluster_names, dns_labels, served_model_names, tenant_names
from tidegate.facts import cloud_names, names

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
ROLE = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")

LONGEST_TENANT = "x" * names.TENANT_NAME_MAX
accounts = st.text("0123456789", min_size=12, max_size=12)
tiers = st.sampled_from(["regulated", "critical", "standard", "batch"])
domains = st.lists(dns_labels(63), min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example", "com"]))


def _accepts(kind: Any, value: str) -> bool:
    try:
        TypeAdapter[Any](kind).validate_python(value)
    except ValidationError:
        return False
    return True


@example(LONGEST_TENANT)
@given(tenant_names)
def test_names_made_of_a_tenant_are_dns_labels(tenant: str) -> None:
    assert _accepts(names.TenantName, tenant)
    for make in (names.tenant_namespace, names.project, names.serving_service_account, names.deploy_service_account):
        assert DNS_LABEL.fullmatch(make(tenant)), make.__name__
    assert _accepts(names.Namespace, names.tenant_namespace(tenant))


@given(tenant_names, tiers)
def test_labels_of_a_tenant_fit_a_label_value(tenant: str, tier: str) -> None:
    for value in names.tenant_labels(tenant, tier).values():
        assert LABEL_VALUE.fullmatch(value)
    assert DNS_LABEL.fullmatch(names.priority_class(tier))


@given(st.sampled_from(sorted(names.RESERVED_NAMES)))
def test_labels_of_a_component_fit_a_label_value(component: str) -> None:
    for value in names.component_labels(component).values():
        assert LABEL_VALUE.fullmatch(value)


@example("test-99", LONGEST_TENANT)
@given(cluster_names, tenant_names)
def test_role_of_a_tenant_fits_iam(cluster: str, tenant: str) -> None:
    assert _accepts(names.ClusterName, cluster)
    assert ROLE.fullmatch(cloud_names.tenant_role(cluster, tenant))


@given(st.tuples(cluster_names, tenant_names), st.tuples(cluster_names, tenant_names))
def test_roles_of_different_tenants_differ(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (cloud_names.tenant_role(*one) == cloud_names.tenant_role(*other)) == (one == other)


@example("live-1", "x" * 38, "y")
@given(cluster_names, tenant_names, tenant_names)
def test_roles_differ_when_one_name_begins_like_another(cluster: str, tenant: str, more: str) -> None:
    longer = f"{tenant}-{more}"[: names.TENANT_NAME_MAX]
    assert (cloud_names.tenant_role(cluster, tenant) == cloud_names.tenant_role(cluster, longer)) == (tenant == longer)


@example("test-99", "1" * 12)
@given(cluster_names, accounts)
def test_buckets_of_a_cluster_fit_s3_and_differ(cluster: str, account: str) -> None:
    buckets = [make(cluster, account) for make in (cloud_names.models_bucket, cloud_names.audit_bucket, cloud_names.state_bucket)]

    assert all(BUCKET.fullmatch(bucket) for bucket in buckets)
    assert len(set(buckets)) == len(buckets)


@given(tenant_names, domains)
def test_host_of_a_tenant_is_a_dns_name_in_every_domain_a_cluster_may_have(tenant: str, domain: str) -> None:
    if _accepts(names.Domain, domain):
        assert _accepts(names.Host, names.tenant_host(tenant, domain))


def test_longest_domain_leaves_room_for_the_longest_tenant() -> None:
    domain = ".".join(["x" * 50] * 4) + ".abcdefg"  # 211 characters; no room is wasted either
    assert _accepts(names.Domain, domain)
    assert len(names.tenant_host(LONGEST_TENANT, domain + "h")) == names.DNS_NAME_MAX
    assert not _accepts(names.Domain, domain + "hi")


@given(served_model_names)
def test_names_kserve_and_knative_derive_from_a_served_model_fit(served_model: str) -> None:
    assert _accepts(names.ServedModelName, served_model)
    assert len(f"{served_model}-transformer-00001-deployment") <= names.DNS_LABEL_MAX


@pytest.mark.parametrize("reserved", sorted(names.RESERVED_NAMES | {"kube-anything"}))
def test_names_of_the_platform_are_taken(reserved: str) -> None:
    assert not _accepts(names.TenantName, reserved)
    assert not _accepts(names.Namespace, reserved)
