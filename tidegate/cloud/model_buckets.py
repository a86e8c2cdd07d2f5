"""The buckets of an account in which regions find their models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.cloud.account import Account
from tidegate.facts import cloud_names
from tidegate.facts.platform import Platform

if TYPE_CHECKING:  # the stubs are a test dependency
    from mypy_boto3_s3 import S3Client


def registries_of(platform: Platform, account: Account) -> dict[str, S3Client]:
    """The client of each cluster's region, by the cluster's models bucket."""
    return {
        cloud_names.models_bucket(name, facts.account_id): account.in_region(facts.region).s3 for name, facts in platform.clusters.items()
    }
