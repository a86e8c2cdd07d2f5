"""What Karpenter needs of AWS to bring GPU nodes and to hear that one will go.

Here: the role of its controller, the role of the nodes it starts, the queue of interruption notices. Not here: NodePools
and node classes, which are Kubernetes objects (`clusters/`), and capacity reservations, which cost their full price from
the moment they exist: order them by hand or contract, tag them `karpenter.sh/discovery: <cluster>`, and pools with
`reserved` among their capacity types take them first. Decision 0005.

The rights follow Karpenter's own published policy (version 1), less the instance-profile rights: the profile is made
here, and node classes name it (`spec.instanceProfile`), so the controller needs no IAM rights but passing that role.
"""

from __future__ import annotations

import json

from infra.constructs.policy import Condition, Statement, cluster_arn, only_over_tls, policy, service_trust
from infra.constructs.role import add_pod_role, add_role
from infra.constructs.stack import Resource, Stack
from infra.outputs import AcceleratorsOutputs, ClusterOutputs
from tidegate.facts import names

SERVICE_ACCOUNT = "karpenter"

NOTICES = {
    "spot-interruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-change": ("aws.ec2", "EC2 Instance State-change Notification"),
    "capacity-reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
    "health": ("aws.health", "AWS Health Event"),
}
"""EventBridge source and detail type of every notice that a node will go."""

NOTICE_SECONDS = 300
"""A notice older than this is about a node that is gone; spot gives two minutes."""


def build(stack: Stack) -> None:
    """Adds the roles, the queue and the rules that fill it."""
    cluster = stack.read(ClusterOutputs)
    node_role = _add_node_role(stack, cluster)
    profile = stack.add("aws_iam_instance_profile", "node", name=names.node_instance_profile(stack.cluster.name), role=node_role["name"])
    queue = _add_queue(stack)
    add_pod_role(
        stack, "karpenter", role_name=f"{stack.cluster.name}-karpenter", namespace=names.NAMESPACE_KARPENTER, service_account=SERVICE_ACCOUNT,
        cluster_name=cluster.cluster_name,
        allows={
            "launch": _launch(stack), "tag-and-delete": _tag_and_delete(stack),
            "observe": [*_observe(stack), *_use(stack, node_role["arn"], queue["arn"])],
        },
    )  # fmt: skip
    # Node classes find the nodes' security group by this tag; the subnets carry it since `network`.
    stack.add("aws_ec2_tag", "discovery", resource_id=cluster.security_group_id, key="karpenter.sh/discovery", value=stack.cluster.name)
    stack.publish(AcceleratorsOutputs(instance_profile_name=profile["name"], node_role_arn=node_role["arn"], queue_name=queue["name"]))


def _add_node_role(stack: Stack, cluster: ClusterOutputs) -> Resource:
    role = add_role(
        stack, "node", role_name=f"{stack.cluster.name}-gpu-node", trust=service_trust("ec2.amazonaws.com"),
        aws_managed=["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"],
    )  # fmt: skip
    stack.add("aws_eks_access_entry", "node", cluster_name=cluster.cluster_name, principal_arn=role["arn"], type="EC2_LINUX")
    return role


def _add_queue(stack: Stack) -> Resource:
    cluster = stack.cluster
    name = f"{cluster.name}-interruption"
    arn = f"arn:aws:sqs:{cluster.region}:{cluster.account_id}:{name}"
    rule_arns = f"arn:aws:events:{cluster.region}:{cluster.account_id}:rule/{cluster.name}-*"
    ours: Condition = {"ArnLike": {"aws:SourceArn": rule_arns}, "StringEquals": {"aws:SourceAccount": cluster.account_id}}
    send = Statement("RulesMaySend", ["sqs:SendMessage"], [arn], service="events.amazonaws.com", condition=ours)
    queue = stack.add(
        "aws_sqs_queue", "interruption",
        name=name, tags={"Name": name}, message_retention_seconds=NOTICE_SECONDS, sqs_managed_sse_enabled=True,
        # Not a resource of its own: the provider waits 25 s after each.
        policy=policy(send, only_over_tls([arn], "sqs")),
    )  # fmt: skip
    for notice, (source, detail_type) in NOTICES.items():
        rule = stack.add(
            "aws_cloudwatch_event_rule", notice,
            name=f"{cluster.name}-{notice}", description=f"{detail_type}, for Karpenter",
            event_pattern=json.dumps({"detail-type": [detail_type], "source": [source]}),
        )  # fmt: skip
        stack.add("aws_cloudwatch_event_target", notice, rule=rule["name"], target_id="karpenter", arn=queue["arn"])
    return queue


def _owned(stack: Stack, where: str) -> Condition:
    """Things that carry this cluster's tag and a NodePool's; `where` is `aws:RequestTag` or `aws:ResourceTag`."""
    equals: dict[str, str | list[str]] = {f"{where}/kubernetes.io/cluster/{stack.cluster.name}": "owned"}
    if where == "aws:RequestTag":
        equals[f"{where}/eks:eks-cluster-name"] = stack.cluster.name
    return {"StringEquals": equals, "StringLike": {f"{where}/karpenter.sh/nodepool": "*"}}


def _arns(stack: Stack, *kinds: str, account: str = "*") -> list[str]:
    return [f"arn:aws:ec2:{stack.cluster.region}:{account}:{kind}/*" for kind in kinds]


_MADE = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")


def _launch(stack: Stack) -> list[Statement]:
    account = stack.cluster.account_id
    launch = ["ec2:RunInstances", "ec2:CreateFleet"]
    # Images and snapshots are Amazon's, so their ARNs carry no account of ours.
    given = [
        *(f"arn:aws:ec2:{stack.cluster.region}::{kind}/*" for kind in ("image", "snapshot")),
        *_arns(stack, "security-group", "subnet", "capacity-reservation", account=account),
    ]
    return [
        Statement("LaunchFromGiven", launch, given),
        Statement("LaunchFromOwnTemplates", launch, _arns(stack, "launch-template", account=account), condition=_owned(stack, "aws:ResourceTag")),
        Statement(
            "LaunchTagged", [*launch, "ec2:CreateLaunchTemplate"], _arns(stack, *_MADE, account=account),
            condition=_owned(stack, "aws:RequestTag"),
        ),
    ]  # fmt: skip


def _tag_and_delete(stack: Stack) -> list[Statement]:
    account = stack.cluster.account_id
    on_create = _owned(stack, "aws:RequestTag")
    on_create["StringEquals"]["ec2:CreateAction"] = ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]
    later = _owned(stack, "aws:ResourceTag")
    later["StringEqualsIfExists"] = {"aws:RequestTag/eks:eks-cluster-name": stack.cluster.name}
    later["ForAllValues:StringEquals"] = {"aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]}
    return [
        Statement("TagOnCreate", ["ec2:CreateTags"], _arns(stack, *_MADE, account=account), condition=on_create),
        Statement("TagOwn", ["ec2:CreateTags"], _arns(stack, "instance", account=account), condition=later),
        Statement(
            "DeleteOwn", ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"], _arns(stack, "instance", "launch-template", account=account),
            condition=_owned(stack, "aws:ResourceTag"),
        ),
    ]  # fmt: skip


def _observe(stack: Stack) -> list[Statement]:
    """EC2's Describe calls and the price list know no resources; the region is the narrowest fence they take."""
    kinds = (
        "AvailabilityZones", "CapacityReservations", "Images", "Instances", "InstanceStatus", "InstanceTypeOfferings", "InstanceTypes", "LaunchTemplates",
        "SecurityGroups", "SpotPriceHistory", "Subnets",
    )  # fmt: skip
    here: Condition = {"StringEquals": {"aws:RequestedRegion": stack.cluster.region}}
    parameters = f"arn:aws:ssm:{stack.cluster.region}::parameter/aws/service/*"
    return [
        Statement("Describe", [f"ec2:Describe{kind}" for kind in kinds], ["*"], condition=here),
        Statement("ReadImageParameters", ["ssm:GetParameter"], [parameters]),
        Statement("ReadPrices", ["pricing:GetProducts"], ["*"]),
        Statement("FindEndpoint", ["eks:DescribeCluster"], [cluster_arn(stack.cluster)]),
    ]


def _use(stack: Stack, node_role_arn: str, queue_arn: str) -> list[Statement]:
    to_ec2: Condition = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    profile = f"arn:aws:iam::{stack.cluster.account_id}:instance-profile/{names.node_instance_profile(stack.cluster.name)}"
    return [
        Statement("PassNodeRole", ["iam:PassRole"], [node_role_arn], condition=to_ec2),
        Statement("ReadProfile", ["iam:GetInstanceProfile"], [profile]),
        Statement("ReadNotices", ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"], [queue_arn]),
    ]
