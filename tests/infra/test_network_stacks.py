"""Ways in and out: what `network`, `edge` and `bootstrap` promise."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from itertools import combinations

import pytest

from infra.main import synthesise
from infra.stacks.network import subnet_cidrs
from infra.target import Target
from tests.infra.synthesis import ENDPOINT, Synthesis, read_synthesis, statements
from tests.root import ROOT
from tidegate.facts.inventory.releases import load_releases
from tidegate.facts.platform import Platform

CLUSTERS = ("live-1", "live-2")


class TestNetwork:
    @pytest.mark.parametrize("cidr", ["10.16.0.0/16", "172.16.0.0/20"])
    def test_subnets_do_not_overlap_and_stay_inside(self, cidr: str) -> None:
        private, public = subnet_cidrs(cidr)
        networks = [IPv4Network(one) for one in (*private, *public)]
        assert len(networks) == 6
        assert all(one.subnet_of(IPv4Network(cidr)) for one in networks)
        assert not any(one.overlaps(other) for one, other in combinations(networks, 2))

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_default_security_group_has_no_rules(self, production: Synthesis, cluster: str) -> None:
        group = production.one(f"{cluster}-network/aws_default_security_group.closed")
        assert (group["ingress"], group["egress"]) == ([], [])

    def test_no_rule_is_open_to_the_world(self, production: Synthesis) -> None:
        for stack, name, rule in production.each("aws_vpc_security_group_ingress_rule"):
            assert rule["cidr_ipv4"] == "${aws_vpc.main.cidr_block}", f"{stack}/{name}"

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_each_zone_leaves_through_its_own_gateway(self, production: Synthesis, cluster: str) -> None:
        routes = [route["nat_gateway_id"] for _, name, route in production.each("aws_route", f"{cluster}-network") if name != "public"]
        assert len(set(routes)) == 3

    def test_one_gateway_serves_all_zones_when_the_inventory_says_so(
        self, platform: Platform, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        facts = platform.clusters["live-1"]
        thrifty = facts.model_copy(update={"network": facts.network.model_copy(update={"nat_per_zone": False})})
        folder = tmp_path_factory.mktemp("thrifty")
        synthesise(Platform({**platform.clusters, "live-1": thrifty}, platform.tenants), Target(ENDPOINT), folder)
        synthesis = read_synthesis(folder)
        assert len(list(synthesis.each("aws_nat_gateway", "live-1-network"))) == 1
        routes = {route.get("nat_gateway_id") for _, name, route in synthesis.each("aws_route", "live-1-network") if name != "public"}
        assert routes == {"${aws_nat_gateway.a.id}"}

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_subnets_are_found_by_load_balancers_and_karpenter(self, production: Synthesis, cluster: str) -> None:
        for _, name, subnet in production.each("aws_subnet", f"{cluster}-network"):
            private = name.startswith("private")
            assert ("kubernetes.io/role/internal-elb" in subnet["tags"]) == private
            assert ("kubernetes.io/role/elb" in subnet["tags"]) != private
            assert (subnet["tags"].get("karpenter.sh/discovery") == cluster) == private
            assert subnet["map_public_ip_on_launch"] is False

    def test_all_log_groups_are_encrypted_and_kept_a_year(self, production: Synthesis) -> None:
        groups = list(production.each("aws_cloudwatch_log_group"))
        assert len(groups) == 4
        for stack, name, group in groups:
            assert group["retention_in_days"] >= 365, f"{stack}/{name}"
            assert group["kms_key_id"]

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_all_traffic_is_logged(self, production: Synthesis, cluster: str) -> None:
        assert production.one(f"{cluster}-network/aws_flow_log.vpc")["traffic_type"] == "ALL"


class TestEdge:
    def test_zone_belongs_to_the_primary_only(self, production: Synthesis) -> None:
        assert [stack for stack, _, _ in production.each("aws_route53_zone")] == ["live-1-edge"]

    def test_each_tenant_host_fails_over(self, production: Synthesis, platform: Platform) -> None:
        for tenant in platform.tenants:
            for cluster, role in (("live-1", "PRIMARY"), ("live-2", "SECONDARY")):
                record = production.one(f"{cluster}-edge/aws_route53_record.{tenant}")
                assert record["name"] == f"{tenant}.models.example.com"
                assert record["records"] == [f"{tenant}.{cluster}.models.example.com"]
                assert record["failover_routing_policy"] == [{"type": role}]
                assert record["health_check_id"] == "${aws_route53_health_check.region.id}"
                assert record["ttl"] <= 30

    def test_external_dns_cannot_move_the_failover_records(self, production: Synthesis) -> None:
        policy = statements(production.one("live-2-edge/aws_iam_role_policy.external-dns")["policy"])
        [write] = [one for one in policy if one["Action"] == "route53:ChangeResourceRecordSets"]
        allowed = write["Condition"]["ForAllValues:StringLike"]["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
        assert allowed == ["live-2.models.example.com", "*.live-2.models.example.com"]


class TestBootstrap:
    def test_argocd_is_pinned_and_its_first_application_reads_the_clusters_folder(self, production: Synthesis) -> None:
        argocd = production.one("live-1-bootstrap/helm_release.argocd")
        assert json.loads(argocd["values"][0])["global"]["image"]["tag"] == f"v{load_releases(ROOT).release('argo-cd')}"
        first = production.one("live-1-bootstrap/helm_release.bootstrap")
        assert first["depends_on"] == ["helm_release.argocd"]
        application = json.loads(first["values"][0])["applications"]["bootstrap"]
        assert application["source"]["path"] == "gitops/bootstrap/live-1"
        assert application["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}

    def test_cluster_facts_hold_no_secret(self, production: Synthesis) -> None:
        values = json.loads(production.one("live-2-bootstrap/helm_release.argocd")["values"][0])
        [facts] = values["extraObjects"]
        assert facts["kind"] == "ConfigMap"
        assert facts["data"]["region"] == "eu-central-1"
        assert not [key for key in facts["data"] if "token" in key or "password" in key or "secret" in key]


def test_security_groups_name_their_empty_rules_so_that_adopted_ones_are_closed_too(production: Synthesis) -> None:
    for stack, name, group in [*production.each("aws_default_security_group"), *production.each("aws_security_group")]:
        assert group["egress"] == [], f"{stack}/{name}"
