"""The cluster's VPC: subnets in three zones, ways out, private ways to AWS's own services, flow logs.

Here: what every node and pod needs to reach anything, and the key of the cluster's log groups, because flow logs are the
first to need it. Not here: load balancers (made by controllers in the cluster), DNS (`edge`), security groups of the
cluster (`cluster`). Its own stack because it changes least and breaks most (DESIGN.md, section 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

from infra.constructs.key import add_key
from infra.constructs.log_group import add_log_group
from infra.constructs.policy import Condition, Statement, service_trust
from infra.constructs.role import add_role
from infra.constructs.stack import Resource, Stack
from infra.outputs import NetworkOutputs
from tidegate.facts import ports

INTERFACE_ENDPOINTS = (
    "ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "elasticloadbalancing", "kms", "logs", "sqs", "sts",
)  # fmt: skip
"""What nodes and controllers call all day. Behind an endpoint it costs no NAT traffic and outlives a NAT gateway."""


def build(stack: Stack) -> None:
    """Adds the VPC and all in it."""
    name = stack.cluster.name
    vpc = stack.add(
        "aws_vpc", "main",
        cidr_block=stack.cluster.network.cidr, enable_dns_support=True, enable_dns_hostnames=True, tags={"Name": name},
    )  # fmt: skip
    # Without rules: whoever forgets to name a security group reaches nothing. They are named, though empty, because the
    # provider revokes AWS's own rules only when it creates a group, not when it adopts one that a killed apply left.
    stack.add("aws_default_security_group", "closed", vpc_id=vpc["id"], ingress=[], egress=[], tags={"Name": f"{name}-closed"})
    private, public = _add_subnets(stack, vpc)
    private_tables = _add_routes(stack, vpc, private, public)
    _add_endpoints(stack, vpc, private, private_tables)
    log_key = add_key(stack, "logs", "CloudWatch log groups", _logs_may_encrypt(stack))
    _add_flow_logs(stack, vpc, log_key)
    ids = ", ".join(f"{subnet.address}.id" for subnet in private)
    stack.publish(NetworkOutputs(vpc_id=vpc["id"], private_subnet_ids=f"${{[{ids}]}}", log_key_arn=log_key["arn"]))


def subnet_cidrs(cidr: str) -> tuple[list[str], list[str]]:
    """Three private and three public ranges of a VPC: a quarter each for the private ones, the last quarter shared out.

    Pods take addresses of their node's subnet, so the private ones are made as large as they can be.
    """
    *private, rest = IPv4Network(cidr).subnets(prefixlen_diff=2)
    public = list(rest.subnets(prefixlen_diff=2))[:3]
    return [str(network) for network in private], [str(network) for network in public]


def _add_subnets(stack: Stack, vpc: Resource) -> tuple[list[Resource], list[Resource]]:
    """The subnets, tagged as the load balancer controller and Karpenter look for them."""
    cluster = stack.cluster
    private_cidrs, public_cidrs = subnet_cidrs(cluster.network.cidr)
    roles = {
        "private": {"kubernetes.io/role/internal-elb": "1", "karpenter.sh/discovery": cluster.name},
        "public": {"kubernetes.io/role/elb": "1"},
    }
    made: dict[str, list[Resource]] = {"private": [], "public": []}
    for kind, cidrs in (("private", private_cidrs), ("public", public_cidrs)):
        for zone, cidr in zip(cluster.network.availability_zones, cidrs, strict=True):
            letter = zone[-1]
            made[kind].append(stack.add(
                "aws_subnet", f"{kind}-{letter}",
                vpc_id=vpc["id"], availability_zone=zone, cidr_block=cidr, map_public_ip_on_launch=False,
                tags={"Name": f"{cluster.name}-{kind}-{letter}", f"kubernetes.io/cluster/{cluster.name}": "shared", **roles[kind]},
            ))  # fmt: skip
    return made["private"], made["public"]


def _add_routes(stack: Stack, vpc: Resource, private: Sequence[Resource], public: Sequence[Resource]) -> list[Resource]:
    """The ways out; returns the private route tables, one per zone even with one NAT gateway."""
    name, network = stack.cluster.name, stack.cluster.network
    letters = [zone[-1] for zone in network.availability_zones]
    gateway = stack.add("aws_internet_gateway", "main", vpc_id=vpc["id"], tags={"Name": name})
    table = stack.add("aws_route_table", "public", vpc_id=vpc["id"], tags={"Name": f"{name}-public"})
    stack.add("aws_route", "public", route_table_id=table["id"], destination_cidr_block="0.0.0.0/0", gateway_id=gateway["id"])
    for letter, subnet in zip(letters, public, strict=True):
        stack.add("aws_route_table_association", f"public-{letter}", subnet_id=subnet["id"], route_table_id=table["id"])
    nats: list[Resource] = []
    for letter, subnet in list(zip(letters, public, strict=True))[: 3 if network.nat_per_zone else 1]:
        address = stack.add("aws_eip", f"nat-{letter}", domain="vpc", tags={"Name": f"{name}-nat-{letter}"}, depends_on=[gateway])
        nats.append(stack.add(
            "aws_nat_gateway", letter,
            allocation_id=address["id"], subnet_id=subnet["id"], tags={"Name": f"{name}-{letter}"}, depends_on=[gateway],
        ))  # fmt: skip
    tables: list[Resource] = []
    for index, (letter, subnet) in enumerate(zip(letters, private, strict=True)):
        own = stack.add("aws_route_table", f"private-{letter}", vpc_id=vpc["id"], tags={"Name": f"{name}-private-{letter}"})
        nat = nats[index % len(nats)]
        stack.add("aws_route", f"private-{letter}", route_table_id=own["id"], destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat["id"])
        stack.add("aws_route_table_association", f"private-{letter}", subnet_id=subnet["id"], route_table_id=own["id"])
        tables.append(own)
    return tables


def _add_endpoints(stack: Stack, vpc: Resource, private: Sequence[Resource], tables: Sequence[Resource]) -> None:
    name, region = stack.cluster.name, stack.cluster.region
    group = stack.add(
        "aws_security_group", "endpoints",
        name=f"{name}-endpoints", description="HTTPS from the VPC to AWS services", vpc_id=vpc["id"], tags={"Name": f"{name}-endpoints"},
        egress=[],  # endpoints answer and never call; empty and not absent, as above
    )  # fmt: skip
    stack.add(
        "aws_vpc_security_group_ingress_rule", "endpoints",
        security_group_id=group["id"], description="HTTPS from the VPC", cidr_ipv4=vpc["cidr_block"],
        from_port=ports.HTTPS_PORT, to_port=ports.HTTPS_PORT, ip_protocol="tcp", tags={"Name": f"{stack.cluster.name}-endpoints"},
    )  # fmt: skip
    stack.add(
        "aws_vpc_endpoint", "s3",
        vpc_id=vpc["id"], service_name=f"com.amazonaws.{region}.s3", vpc_endpoint_type="Gateway",
        route_table_ids=[table["id"] for table in tables], tags={"Name": f"{name}-s3"},
    )  # fmt: skip
    for service in INTERFACE_ENDPOINTS:
        stack.add(
            "aws_vpc_endpoint", service.replace(".", "-"),
            vpc_id=vpc["id"], service_name=f"com.amazonaws.{region}.{service}", vpc_endpoint_type="Interface",
            subnet_ids=[subnet["id"] for subnet in private], security_group_ids=[group["id"]], private_dns_enabled=True,
            tags={"Name": f"{name}-{service}"},
        )  # fmt: skip


def _logs_may_encrypt(stack: Stack) -> Statement:
    """CloudWatch Logs, for log groups of this account and region only."""
    cluster = stack.cluster
    groups = f"arn:aws:logs:{cluster.region}:{cluster.account_id}:log-group:*"
    return Statement(
        "LogsMayEncrypt", ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"], ["*"],
        service=f"logs.{cluster.region}.amazonaws.com", condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )  # fmt: skip


def _add_flow_logs(stack: Stack, vpc: Resource, log_key: Resource) -> None:
    cluster = stack.cluster
    group = add_log_group(stack, "flow", log_group_name=f"/tidegate/{cluster.name}/flow", key_arn=log_key["arn"])
    ours: Condition = {
        "StringEquals": {"aws:SourceAccount": cluster.account_id},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{cluster.region}:{cluster.account_id}:vpc-flow-log/*"},
    }
    writes = Statement(
        "WriteFlowLogs", ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"], [f"{group['arn']}:*"],
    )  # fmt: skip
    role = add_role(
        stack, "flow", role_name=f"{cluster.name}-flow-logs",
        trust=service_trust("vpc-flow-logs.amazonaws.com", ours), allows={"write-flow-logs": [writes]},
    )  # fmt: skip
    stack.add(
        "aws_flow_log", "vpc",
        vpc_id=vpc["id"], traffic_type="ALL", log_destination_type="cloud-watch-logs", log_destination=group["arn"],
        iam_role_arn=role["arn"], max_aggregation_interval=60, tags={"Name": cluster.name},
    )  # fmt: skip
