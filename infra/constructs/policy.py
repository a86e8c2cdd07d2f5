"""IAM policy documents as values: a statement says who may do what to which, and under which condition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tidegate.facts.cluster import Cluster

Condition: TypeAlias = dict[str, dict[str, str | list[str]]]
"""Operator -> key -> value(s), as IAM writes it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `sid` names its purpose and shows up in access errors."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[str] = ()
    """Empty only in trust policies, whose resource is the role itself."""
    effect: Literal["Allow", "Deny"] = "Allow"
    service: str | None = None
    """A service principal such as `eks.amazonaws.com`."""
    principal_arn: str | None = None
    everybody: bool = False
    """Principal `*`: for denials only."""
    condition: Condition = field(default_factory=Condition)

    def as_json(self) -> dict[str, object]:
        """The statement as IAM reads it; single values are written without a list, as IAM returns them."""
        if self.everybody and self.effect == "Allow":
            raise ValueError(f"{self.sid} would allow everybody")
        document: dict[str, object] = {"Sid": self.sid, "Effect": self.effect}
        if self.everybody:
            document["Principal"] = "*"
        elif self.service:
            document["Principal"] = {"Service": self.service}
        elif self.principal_arn:
            document["Principal"] = {"AWS": self.principal_arn}
        document["Action"] = _one_or_many(self.actions)
        if self.resources:
            document["Resource"] = _one_or_many(self.resources)
        if self.condition:
            document["Condition"] = self.condition
        return document


def _one_or_many(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def policy(*statements: Statement) -> str:
    """The policy document as JSON text."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement.as_json() for statement in statements]})


def service_trust(service: str, condition: Condition | None = None) -> str:
    """Who may assume a role: one AWS service."""
    return policy(Statement("Trust", ["sts:AssumeRole"], service=service, condition=condition or {}))


def pod_trust(cluster: Cluster, namespace: str, service_account: str) -> str:
    """Who may assume a role: one service account of one cluster, by EKS Pod Identity.

    The association alone would do; the conditions hold even if somebody associates the role with another pod or from
    another cluster (confused deputy).
    """
    condition: Condition = {
        "StringEquals": {
            "aws:SourceAccount": cluster.account_id,
            "aws:RequestTag/kubernetes-namespace": namespace,
            "aws:RequestTag/kubernetes-service-account": service_account,
        },
        "ArnEquals": {"aws:SourceArn": cluster_arn(cluster)},
    }
    return policy(Statement("PodIdentity", ["sts:AssumeRole", "sts:TagSession"], service="pods.eks.amazonaws.com", condition=condition))


def cluster_arn(cluster: Cluster) -> str:
    """The EKS cluster's ARN; EKS clusters are called as in the inventory."""
    return f"arn:aws:eks:{cluster.region}:{cluster.account_id}:cluster/{cluster.name}"


def account_administers_key(cluster: Cluster) -> Statement:
    """The statement without which IAM policies have no say about a KMS key (AWS's default key policy)."""
    root = f"arn:aws:iam::{cluster.account_id}:root"
    return Statement("AccountAdministers", ["kms:*"], ["*"], principal_arn=root)


def only_over_tls(resource_arns: Sequence[str], service: str) -> Statement:
    """Denies everybody who comes without TLS."""
    condition: Condition = {"Bool": {"aws:SecureTransport": "false"}}
    return Statement("OnlyOverTls", [f"{service}:*"], resource_arns, effect="Deny", everybody=True, condition=condition)
