"""What holds for all stacks: completeness, order, what emulation may change, and where state is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.constructs.stack import AWS_PROVIDER_VERSION, Stack
from infra.main import in_dependency_order, synthesise
from infra.not_applied_locally import NOT_APPLIED, NOT_APPLIED_STACKS, NOT_KEPT
from infra.target import Target, target_of
from tests.infra.synthesis import ENDPOINT, Synthesis, read_synthesis, without_metadata
from tidegate.cloud import toolchain
from tidegate.cloud.keys import is_named_by_arguments
from tidegate.contracts.stacks import StackEntry
from tidegate.errors import UsageError
from tidegate.facts import cloud_names
from tidegate.facts.platform import Platform

CLUSTERS = ("live-1", "live-2")


def addresses(document: dict[str, Any]) -> set[str]:
    return {f"{kind}.{name}" for kind, by_name in document.get("resource", {}).items() for name in by_name}


class TestCompleteness:
    def test_every_cluster_has_every_stack(self, production: Synthesis, platform: Platform) -> None:
        stacks = ("state", "network", "cluster", "accelerators", "registry", "replication", "identity", "edge", "bootstrap")
        expected = {f"{cluster}-{stack}" for cluster in platform.clusters for stack in stacks}
        assert set(production.stacks) == expected
        assert {entry["name"] for entry in production.listing["stacks"]} == expected

    def test_listing_counts_what_is_written(self, production: Synthesis, emulated: Synthesis) -> None:
        for synthesis in (production, emulated):
            for entry in synthesis.listing["stacks"]:
                assert entry["resources"] == len(addresses(synthesis.stacks.get(entry["name"], {})))

    def test_emulated_tree_is_big_enough_to_mean_something(self, emulated: Synthesis) -> None:
        assert sum(entry["resources"] for entry in emulated.listing["stacks"]) >= 200

    def test_listing_is_in_dependency_order(self, production: Synthesis) -> None:
        seen: set[str] = set()
        for entry in production.listing["stacks"]:
            assert set(entry["depends_on"]) <= seen, entry["name"]
            seen.add(entry["name"])

    def test_dependencies_are_the_remote_states_read_and_the_state(self, production: Synthesis) -> None:
        for entry in production.listing["stacks"]:
            read = set(production.stacks[entry["name"]].get("data", {}).get("terraform_remote_state", {}))
            own_state = {cloud_names.stack(entry["cluster"], "state")} - {entry["name"]}
            assert set(entry["depends_on"]) == read | own_state

    def test_replication_waits_for_both_regions(self, production: Synthesis) -> None:
        entries = {entry["name"]: entry for entry in production.listing["stacks"]}
        assert {"live-1-registry", "live-2-registry"} <= set(entries["live-2-replication"]["depends_on"])

    def test_stacks_in_a_circle_are_refused(self) -> None:
        def entry(name: str, producer: str) -> StackEntry:
            return StackEntry(
                name=name, cluster="live-1", stack=name, region="eu-west-1", depends_on=(producer,), resources=1, applied_locally=True
            )

        circle = [entry("a", "b"), entry("b", "a")]
        with pytest.raises(UsageError, match="depend on each other in a circle: a, b"):
            in_dependency_order(circle)

    def test_every_output_read_is_published(self, production: Synthesis) -> None:
        read = re.compile(r"data\.terraform_remote_state\.([a-z0-9-]+)\.outputs\.([a-z_]+)")
        pairs = {pair for document in production.stacks.values() for pair in read.findall(json.dumps(document))}
        assert len(pairs) > 20
        missing = [f"{stack}.{output}" for stack, output in pairs if output not in production.stacks[stack]["output"]]
        assert missing == []

    def test_every_reference_has_its_resource(self, production: Synthesis, emulated: Synthesis) -> None:
        reference = re.compile(r"[{\[( ](aws_[a-z0-9_]+\.[a-z0-9-]+)[.\]]")
        for synthesis in (production, emulated):
            for stack, document in synthesis.stacks.items():
                dangling = set(reference.findall(json.dumps(document["resource"]))) - addresses(document)
                assert dangling == set(), stack


class TestEmulation:
    def test_only_what_is_listed_is_left_out(self, production: Synthesis, emulated: Synthesis) -> None:
        listed = {
            (entry["cluster"], entry["stack"], f"{entry['type']}.{entry['name']}") for entry in emulated.listing["not_applied_locally"]
        }
        left_out: set[tuple[str, str, str]] = set()
        for entry in production.listing["stacks"]:
            here = emulated.stacks.get(entry["name"], {})
            left_out |= {
                (entry["cluster"], entry["stack"], address) for address in addresses(production.stacks[entry["name"]]) - addresses(here)
            }
            assert addresses(here) <= addresses(production.stacks[entry["name"]])
        assert left_out == listed
        assert production.listing["not_applied_locally"] == emulated.listing["not_applied_locally"]

    def test_every_entry_of_the_list_is_used(self, production: Synthesis) -> None:
        used = {(entry["stack"], entry["type"]) for entry in production.listing["not_applied_locally"]}
        assert used == {(entry.stack, entry.type) for entry in NOT_APPLIED} | {("bootstrap", "helm_release")}
        assert all(entry["reason"] for entry in production.listing["not_applied_locally"])

    def test_only_bootstrap_is_never_applied_locally(self, emulated: Synthesis) -> None:
        assert (
            {entry["stack"] for entry in emulated.listing["stacks"] if not entry["applied_locally"]}
            == set(NOT_APPLIED_STACKS)
            == {"bootstrap"}
        )

    def test_attributes_differ_in_few_known_ways(self, production: Synthesis, emulated: Synthesis) -> None:
        differing: set[str] = set()
        for stack, document in emulated.stacks.items():
            for resource_type, by_name in document["resource"].items():
                for name, attributes in by_name.items():
                    real, local = (without_metadata(body) for body in (production.one(f"{stack}/{resource_type}.{name}"), attributes))
                    differing |= {key for key in real.keys() | local.keys() if real.get(key) != local.get(key)}
        # `depends_on` forgets what is left out; the rest lets a local platform be taken down again.
        assert differing == {"depends_on", "force_destroy", "lifecycle", "deletion_window_in_days"}

    def test_only_listed_drift_is_overlooked(self, production: Synthesis, emulated: Synthesis) -> None:
        overlooked: set[tuple[str, str, str]] = set()
        for entry in emulated.listing["stacks"]:
            for resource_type, by_name in emulated.stacks.get(entry["name"], {}).get("resource", {}).items():
                for name, attributes in by_name.items():
                    real = production.one(f"{entry['name']}/{resource_type}.{name}").get("lifecycle", {}).get("ignore_changes", [])
                    local = attributes.get("lifecycle", {}).get("ignore_changes", [])
                    assert set(real) <= set(local)
                    overlooked |= {(entry["stack"], resource_type, attribute) for attribute in set(local) - set(real)}
        assert overlooked == {(entry.stack, entry.type, attribute) for entry in NOT_KEPT for attribute in entry.attributes}

    def test_emulated_stacks_reach_the_emulator_only(self, emulated: Synthesis) -> None:
        for document in emulated.stacks.values():
            [provider] = document["provider"]["aws"]
            assert set(provider["endpoints"][0].values()) == {ENDPOINT}
            assert provider["access_key"] == provider["secret_key"] == "emulated"
            locations = [document["terraform"]["backend"]["s3"]]
            locations += [state["config"] for state in document.get("data", {}).get("terraform_remote_state", {}).values()]
            assert {location["endpoints"]["s3"] for location in locations} == {ENDPOINT}

    def test_every_service_of_a_resource_has_an_endpoint(self, emulated: Synthesis) -> None:
        prefixes = {
            "aws_cloudwatch_event": "events", "aws_cloudwatch_log": "logs", "aws_eks": "eks", "aws_iam": "iam", "aws_kms": "kms",
            "aws_route53": "route53", "aws_s3": "s3", "aws_sqs": "sqs",
        }  # fmt: skip
        services = {
            next((service for prefix, service in prefixes.items() if resource_type.startswith(prefix)), "ec2")
            for document in emulated.stacks.values() for resource_type in document["resource"]
        }  # fmt: skip
        assert services <= set(emulated.stacks["live-1-network"]["provider"]["aws"][0]["endpoints"][0])

    def test_production_names_no_endpoint_and_no_credential(self, production: Synthesis) -> None:
        for document in production.stacks.values():
            [provider] = document["provider"]["aws"]
            assert set(provider) == {"region", "allowed_account_ids", "default_tags"}
            assert "endpoints" not in document["terraform"]["backend"]["s3"]

    def test_local_state_is_for_the_state_stack_alone(self, platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("local-state")
        synthesise(platform, Target(ENDPOINT, state_is_local=True), folder)
        local = read_synthesis(folder)
        for name, document in local.stacks.items():
            expected = {"local": {"path": "terraform.tfstate"}} if name.endswith("-state") else document["terraform"]["backend"]
            assert document["terraform"]["backend"] == expected
            assert ("s3" in document["terraform"]["backend"]) == (not name.endswith("-state"))

    @pytest.mark.parametrize(
        ("variables", "message"),
        [
            pytest.param({"TIDEGATE_AWS_ENDPOINT": "localhost:5000"}, "write http://host:port", id="endpoint-without-scheme"),
            pytest.param({"TIDEGATE_STATE": "remote"}, "use local or leave it unset", id="unknown-state"),
        ],
    )
    def test_odd_environment_is_refused(self, variables: dict[str, str], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            target_of(variables)

    def test_empty_environment_is_production(self) -> None:
        assert target_of({}) == target_of({"TIDEGATE_AWS_ENDPOINT": ""}) == Target()

    def test_referring_to_what_is_left_out_is_refused(self, platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> None:
        from infra._cdk import App  # noqa: PLC0415 - the only test that looks behind this door

        app = App(outdir=str(tmp_path_factory.mktemp("refused")))
        stack = Stack(app, platform, platform.clusters["live-1"], "cluster", Target(ENDPOINT))
        addon = stack.add("aws_eks_addon", "coredns", addon_name="coredns")
        with pytest.raises(UsageError, match=r"aws_eks_addon\.coredns\.arn is used, but not applied locally: moto's EKS has no add-ons"):
            addon["arn"]


class TestState:
    def test_every_stack_has_a_locked_encrypted_state_of_its_own(self, production: Synthesis, platform: Platform) -> None:
        for entry in production.listing["stacks"]:
            backend = production.stacks[entry["name"]]["terraform"]["backend"]["s3"]
            cluster = platform.clusters[entry["cluster"]]
            assert backend["bucket"] == cloud_names.state_bucket(cluster.name, cluster.account_id)
            assert backend["key"] == f"{cluster.name}/{entry['stack']}.tfstate"
            assert backend["region"] == cluster.region
            assert backend["use_lockfile"] is True
            assert backend["encrypt"] is True
            own_key = f"arn:aws:kms:{cluster.region}:{cluster.account_id}:alias/tidegate-{cluster.name}-state"
            assert backend.get("kms_key_id") == (None if entry["stack"] == "state" else own_key)

    def test_versions_are_pinned(self, production: Synthesis) -> None:
        assert toolchain.AWS_PROVIDER_VERSION == AWS_PROVIDER_VERSION
        for document in production.stacks.values():
            assert document["terraform"]["required_providers"]["aws"] == {"source": "hashicorp/aws", "version": "5.100.0"}
            assert document["terraform"]["required_version"] == ">= 1.10"

    def test_state_bucket_is_adopted(self, production: Synthesis) -> None:
        document = production.stacks["live-1-state"]
        assert document["import"] == [{"to": "aws_s3_bucket.state", "id": "tidegate-live-1-state-123456789012"}]

    def test_everything_is_tagged_with_cluster_and_stack(self, production: Synthesis) -> None:
        for entry in production.listing["stacks"]:
            [provider] = production.stacks[entry["name"]]["provider"]["aws"]
            tags = {"tidegate.dev/cluster": entry["cluster"], "tidegate.dev/stack": entry["stack"], "managed-by": "tidegate"}
            assert provider["default_tags"] == [{"tags": tags}]


def test_whatever_a_killed_apply_leaves_can_be_recognised(emulated: Synthesis) -> None:
    """By the arguments that name it, or by a Name tag that no other resource of its type and stack has."""
    seen: set[tuple[str, str, str]] = set()
    for stack, document in emulated.stacks.items():
        for resource_type, by_name in document.get("resource", {}).items():
            for name, attributes in by_name.items():
                if is_named_by_arguments(resource_type):
                    continue
                tag = attributes.get("tags", {}).get("Name")
                assert tag, f"{stack}/{resource_type}.{name} has no Name tag"
                assert (stack, resource_type, tag) not in seen, f"{stack}/{resource_type}.{name} shares its Name tag"
                seen.add((stack, resource_type, tag))
