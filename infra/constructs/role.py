"""An IAM role with its policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infra.constructs.policy import Statement, pod_trust, policy
from infra.constructs.stack import Resource, Stack


def add_role(
    stack: Stack, name: str, *, role_name: str, trust: str, allows: Mapping[str, Sequence[Statement]] | None = None,
    aws_managed: Sequence[str] = (),
) -> Resource:  # fmt: skip
    """A role that `trust` may assume, with inline policies (`allows`, by name) and AWS's own (`aws_managed`, by name).

    Inline, because a policy that nobody else can attach is deleted with its role.
    """
    role = stack.add("aws_iam_role", name, name=role_name, assume_role_policy=trust, max_session_duration=3600)
    for policy_name, statements in (allows or {}).items():
        logical = name if len(allows or {}) == 1 else f"{name}-{policy_name}"
        stack.add("aws_iam_role_policy", logical, name=policy_name, role=role["id"], policy=policy(*statements))
    for managed in aws_managed:
        arn = f"arn:aws:iam::aws:policy/{managed}"
        stack.add("aws_iam_role_policy_attachment", f"{name}-{managed.rsplit('/', 1)[-1]}", role=role["name"], policy_arn=arn)
    return role


def add_pod_role(
    stack: Stack, name: str, *, role_name: str, namespace: str, service_account: str, cluster_name: str,
    allows: Mapping[str, Sequence[Statement]],
) -> Resource:  # fmt: skip
    """A role for the pods of one service account, bound by EKS Pod Identity."""
    trust = pod_trust(stack.cluster, namespace, service_account)
    role = add_role(stack, name, role_name=role_name, trust=trust, allows=allows)
    stack.add(
        "aws_eks_pod_identity_association", name,
        cluster_name=cluster_name, namespace=namespace, service_account=service_account, role_arn=role["arn"],
    )  # fmt: skip
    return role
