"""Who may do what: what `cluster` and `accelerators` promise, and every policy of every stack."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import pytest

from tests.infra.synthesis import Synthesis, statements
from tidegate.facts.platform import Platform

CLUSTERS = ("live-1", "live-2")


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def policy_statements(value: Any) -> list[dict[str, Any]]:
    """Every statement of every policy document below `value`."""
    if isinstance(value, dict):
        return [one for inner in cast("dict[str, Any]", value).values() for one in policy_statements(inner)]
    if isinstance(value, list):
        return [one for inner in cast("list[Any]", value) for one in policy_statements(inner)]
    return statements(value) if isinstance(value, str) and value.startswith('{"Version"') else []


@pytest.mark.parametrize("cluster", CLUSTERS)
class TestCluster:
    def test_api_server_is_private_logged_and_its_secrets_encrypted(self, production: Synthesis, cluster: str) -> None:
        eks = production.one(f"{cluster}-cluster/aws_eks_cluster.main")
        [vpc] = eks["vpc_config"]
        assert (vpc["endpoint_private_access"], vpc["endpoint_public_access"]) == (True, False)
        assert set(eks["enabled_cluster_log_types"]) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
        assert eks["encryption_config"] == [{"provider": [{"key_arn": "${aws_kms_key.secrets.arn}"}], "resources": ["secrets"]}]

    def test_only_listed_administrators_enter(self, production: Synthesis, platform: Platform, cluster: str) -> None:
        [access] = production.one(f"{cluster}-cluster/aws_eks_cluster.main")["access_config"]
        assert access == {"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False}
        entries = [entry["principal_arn"] for _, _, entry in production.each("aws_eks_access_entry", f"{cluster}-cluster")]
        assert entries == list(platform.clusters[cluster].administrators)

    def test_system_nodes_are_tainted_and_guard_their_credentials(self, production: Synthesis, cluster: str) -> None:
        group = production.one(f"{cluster}-cluster/aws_eks_node_group.system")
        assert group["taint"] == [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}]
        template = production.one(f"{cluster}-cluster/aws_launch_template.system")
        assert template["metadata_options"] == [{"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1}]
        [disk] = template["block_device_mappings"]
        assert (disk["ebs"][0]["encrypted"], disk["ebs"][0]["volume_type"]) == ("true", "gp3")

    def test_network_addon_comes_before_the_nodes(self, production: Synthesis, cluster: str) -> None:
        after = production.one(f"{cluster}-cluster/aws_eks_node_group.system")["depends_on"]
        assert {"aws_eks_addon.vpc-cni", "aws_eks_addon.kube-proxy", "aws_eks_addon.eks-pod-identity-agent"} <= set(after)
        assert production.one(f"{cluster}-cluster/aws_eks_addon.coredns")["depends_on"] == ["aws_eks_node_group.system"]


@pytest.mark.parametrize("cluster", CLUSTERS)
class TestAccelerators:
    def policies(self, production: Synthesis, cluster: str) -> list[dict[str, Any]]:
        return [
            statement
            for _, name, attributes in production.each("aws_iam_role_policy", f"{cluster}-accelerators") if name.startswith("karpenter")
            for statement in statements(attributes["policy"])
        ]  # fmt: skip

    def test_karpenter_changes_only_what_carries_its_clusters_tag(self, production: Synthesis, cluster: str) -> None:
        changing = {"ec2:TerminateInstances", "ec2:DeleteLaunchTemplate", "ec2:CreateTags", "ec2:CreateLaunchTemplate"}
        found = [one for one in self.policies(production, cluster) if changing & set(as_list(one["Action"]))]
        assert len(found) == 4
        for statement in found:
            equals = statement["Condition"]["StringEquals"]
            assert "owned" in {equals.get(f"aws:{where}Tag/kubernetes.io/cluster/{cluster}") for where in ("Request", "Resource")}, (
                statement["Sid"]
            )

    def test_karpenter_has_a_wildcard_resource_for_reading_only(self, production: Synthesis, cluster: str) -> None:
        for statement in self.policies(production, cluster):
            if statement["Resource"] == "*":
                assert all(re.match(r"ec2:Describe|pricing:Get", action) for action in as_list(statement["Action"])), statement["Sid"]

    def test_karpenter_passes_the_node_role_to_ec2_only(self, production: Synthesis, cluster: str) -> None:
        [passing] = [one for one in self.policies(production, cluster) if one["Action"] == "iam:PassRole"]
        assert passing["Resource"] == "${aws_iam_role.node.arn}"
        assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}

    def test_inline_policies_fit_a_role(self, production: Synthesis, cluster: str) -> None:
        size = sum(len(json.dumps(one, separators=(",", ":"))) for one in self.policies(production, cluster))
        assert size < 10_000, "IAM takes 10,240 characters of inline policies per role"

    def test_queue_takes_only_our_rules_over_tls(self, production: Synthesis, cluster: str) -> None:
        queue = production.one(f"{cluster}-accelerators/aws_sqs_queue.interruption")
        assert queue["sqs_managed_sse_enabled"] is True
        send, tls = statements(queue["policy"])
        assert send["Principal"] == {"Service": "events.amazonaws.com"}
        assert send["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})

    def test_every_notice_reaches_the_queue(self, production: Synthesis, cluster: str) -> None:
        stack = f"{cluster}-accelerators"
        rules = {name: json.loads(rule["event_pattern"]) for _, name, rule in production.each("aws_cloudwatch_event_rule", stack)}
        assert {"spot-interruption", "rebalance", "state-change", "health"} <= set(rules)
        targets = {name: target["arn"] for _, name, target in production.each("aws_cloudwatch_event_target", stack)}
        assert targets == dict.fromkeys(rules, "${aws_sqs_queue.interruption.arn}")


class TestPolicies:
    def test_no_statement_allows_everything_or_everybody(self, production: Synthesis) -> None:
        count = 0
        for document in production.stacks.values():
            for statement in policy_statements(document["resource"]):
                count += 1
                if statement["Effect"] == "Allow":
                    assert statement.get("Principal") != "*", statement["Sid"]
                    assert "*" not in as_list(statement["Action"]), statement["Sid"]
                    wide = [action for action in as_list(statement["Action"]) if action.endswith(":*")]
                    # In a key's own policy `*` means that key: AWS's default statement for its account.
                    assert wide == [] or statement["Sid"] == "AccountAdministers"
        assert count > 100

    def test_services_assume_roles_for_our_account_only(self, production: Synthesis) -> None:
        for stack, name, role in production.each("aws_iam_role"):
            [trust] = statements(role["assume_role_policy"])
            # EC2 assumes a node's role for the instance itself and sends no source.
            if trust["Principal"] != {"Service": "ec2.amazonaws.com"}:
                assert trust["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012", f"{stack}/{name}"
