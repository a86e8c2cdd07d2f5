"""Who writes the names that the failover records point at, and that it may write no others."""

from __future__ import annotations

import fnmatch
import json
from typing import Any, cast

import pytest

from clusters.components.network import gateways
from clusters.delivery import external_dns
from infra.stacks import edge
from tests.clusters.selection import Select
from tidegate.facts import names
from tidegate.facts.platform import Platform

DOMAIN = "live-1.models.example.com"


def test_region_and_every_tenant_get_their_names_by_the_service_of_the_edge(select: Select) -> None:
    (options,) = select("live-1/platform/edge", "ConfigMap", "edge-options")
    told = json.loads(options["data"]["service"])["metadata"]["annotations"][gateways.ANNOTATION_DNS]
    assert told.split(",") == [DOMAIN, f"*.{DOMAIN}"]
    (application,) = select("live-1/delivery", "Application", "add-on-external-dns")
    values = application["spec"]["source"]["helm"]["valuesObject"]
    assert (values["sources"], values["domainFilters"]) == (["service"], [DOMAIN])
    # The zone is the domain's parent, which external-dns passes over otherwise (v0.20, provider/aws).
    assert "--aws-zone-match-parent" in values["extraArgs"]
    assert f"--namespace={names.NAMESPACE_EDGE}" in values["extraArgs"]
    assert values["serviceAccount"]["name"] == edge.EXTERNAL_DNS_SERVICE_ACCOUNT, "its role comes by that name"


@pytest.mark.parametrize("name", [DOMAIN, f"*.{DOMAIN}"])
@pytest.mark.parametrize("kind", ["a", "aaaa"])
def test_its_marks_are_names_that_its_role_may_write(platform: Platform, name: str, kind: str) -> None:
    values = cast("Any", external_dns.values(platform.clusters["live-1"]))
    (wildcard,) = [each.partition("=")[2] for each in values["extraArgs"] if each.startswith("--txt-wildcard-replacement=")]
    mark = values["txtPrefix"].replace("%{record_type}", kind) + name.replace("*", wildcard)
    assert fnmatch.fnmatch(mark, f"*.{DOMAIN}"), mark


def test_project_admits_its_chart_and_namespace(select: Select) -> None:
    (project,) = select("live-1/delivery", "AppProject", "add-ons")
    assert external_dns.REPOSITORY in project["spec"]["sourceRepos"]
    assert names.NAMESPACE_EXTERNAL_DNS in [each["namespace"] for each in project["spec"]["destinations"]]
    (namespace,) = select("live-1/delivery", "Namespace", names.NAMESPACE_EXTERNAL_DNS)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_without_a_balancer_there_is_nothing_to_write(platform: Platform) -> None:
    cluster = platform.clusters["live-1"]
    here = cluster.model_copy(update={"edge": cluster.edge.model_copy(update={"addresses": ("192.0.2.1",)})})
    assert not list(external_dns.objects(here))
    assert not external_dns.repositories(here)
    options = next(each for each in cast("list[Any]", list(gateways.objects(here))) if each["metadata"]["name"] == "edge-options")
    assert json.loads(options["data"]["service"]) == {"spec": {"externalIPs": ["192.0.2.1"]}}
