"""Buckets, keys and copies: what `state`, `registry` and `replication` promise."""

from __future__ import annotations

import pytest

from tests.infra.synthesis import Synthesis, statements

CLUSTERS = ("live-1", "live-2")


class TestStorage:
    def test_every_bucket_is_private_versioned_encrypted_and_tls_only(self, production: Synthesis) -> None:
        buckets = list(production.each("aws_s3_bucket"))
        assert len(buckets) == 8
        for stack, name, _ in buckets:
            block = production.one(f"{stack}/aws_s3_bucket_public_access_block.{name}")
            assert all(block[key] for key in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"))
            assert production.one(f"{stack}/aws_s3_bucket_versioning.{name}")["versioning_configuration"] == [{"status": "Enabled"}]
            [rule] = production.one(f"{stack}/aws_s3_bucket_server_side_encryption_configuration.{name}")["rule"]
            algorithm = "AES256" if name == "access-logs" else "aws:kms"
            assert rule["apply_server_side_encryption_by_default"][0]["sse_algorithm"] == algorithm
            [tls] = [
                one for one in statements(production.one(f"{stack}/aws_s3_bucket_policy.{name}")["policy"]) if one["Sid"] == "OnlyOverTls"
            ]
            assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", "s3:*")
            assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert any(
                "noncurrent_version_expiration" in one
                for one in production.one(f"{stack}/aws_s3_bucket_lifecycle_configuration.{name}")["rule"]
            )

    def test_nothing_precious_can_be_destroyed_by_terraform(self, production: Synthesis) -> None:
        for resource_type in ("aws_s3_bucket", "aws_kms_key", "aws_eks_cluster", "aws_route53_zone"):
            for stack, name, attributes in production.each(resource_type):
                assert attributes["lifecycle"] == {"prevent_destroy": True}, f"{stack}/{resource_type}.{name}"
                assert "force_destroy" not in attributes

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_audit_records_are_locked_for_seven_years(self, production: Synthesis, cluster: str) -> None:
        [rule] = production.one(f"{cluster}-registry/aws_s3_bucket_object_lock_configuration.audit")["rule"]
        assert rule == {"default_retention": [{"mode": "COMPLIANCE", "years": 7}]}
        assert production.one(f"{cluster}-registry/aws_s3_bucket.audit")["object_lock_enabled"] is True

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_models_are_locked_and_taken_only_with_their_key(self, production: Synthesis, cluster: str) -> None:
        [rule] = production.one(f"{cluster}-registry/aws_s3_bucket_object_lock_configuration.models")["rule"]
        assert rule == {"default_retention": [{"mode": "GOVERNANCE", "days": 90}]}
        denials = {one["Sid"]: one for one in statements(production.one(f"{cluster}-registry/aws_s3_bucket_policy.models")["policy"])}
        assert {"OnlyOverTls", "OnlyKms", "OnlyOwnKey"} == set(denials)
        assert {one["Effect"] for one in denials.values()} == {"Deny"}

    def test_each_key_rotates_and_is_administered_by_the_account_only(self, production: Synthesis) -> None:
        keys = list(production.each("aws_kms_key"))
        assert len(keys) == 12
        for stack, name, attributes in keys:
            assert attributes["enable_key_rotation"] is True, f"{stack}/{name}"
            for statement in statements(attributes["policy"]):
                assert statement["Principal"] != "*"
                assert "AWS" not in statement["Principal"] or statement["Principal"]["AWS"] == "arn:aws:iam::123456789012:root"

    def test_models_and_audit_are_copied_both_ways_under_the_other_key(self, production: Synthesis) -> None:
        rules = list(production.each("aws_s3_bucket_replication_configuration"))
        assert {(stack, name) for stack, name, _ in rules} == {(f"{c}-replication", name) for c in CLUSTERS for name in ("models", "audit")}
        for stack, name, attributes in rules:
            pair = "live-2" if stack.startswith("live-1") else "live-1"
            [rule] = attributes["rule"]
            [destination] = rule["destination"]
            other = f"data.terraform_remote_state.{pair}-registry.outputs.{name}"
            assert destination["bucket"] == f"arn:aws:s3:::${{{other}_bucket}}"
            assert destination["encryption_configuration"] == [{"replica_kms_key_id": f"${{{other}_key_arn}}"}]
            assert rule["delete_marker_replication"] == [{"status": "Disabled"}]
