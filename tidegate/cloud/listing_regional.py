"""Listers of what belongs to a region: EC2, EKS, EventBridge, KMS, CloudWatch Logs, SQS and S3."""

# pyright: reportTypedDictNotRequiredAccess=false
# AWS's models mark nearly every field as optional; one that is absent after all should end the listing with a KeyError.

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from botocore.exceptions import ClientError

from tidegate.cloud.account import RegionClients
from tidegate.cloud.listed import ListedResource, described

ANYWHERE = "0.0.0.0/0"


def _pairs(tags: Iterable[Any] | None) -> list[tuple[str, str]]:
    """EC2's, IAM's and S3's way of writing tags."""
    return [(tag["Key"], tag["Value"]) for tag in tags or ()]


def _network(clients: RegionClients) -> Iterator[ListedResource]:
    ec2, region = clients.ec2, clients.region
    vpcs = [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc.get("IsDefault")]
    ours = {vpc["VpcId"] for vpc in vpcs}
    for vpc in vpcs:
        yield described("aws_vpc", vpc["VpcId"], region, _pairs(vpc.get("Tags")))
    for subnet in ec2.describe_subnets()["Subnets"]:
        if subnet["VpcId"] in ours:
            yield described("aws_subnet", subnet["SubnetId"], region, _pairs(subnet.get("Tags")))
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        yield described("aws_internet_gateway", gateway["InternetGatewayId"], region, _pairs(gateway.get("Tags")))


def _ways_out(clients: RegionClients) -> Iterator[ListedResource]:
    ec2, region = clients.ec2, clients.region
    for address in ec2.describe_addresses()["Addresses"]:
        yield described("aws_eip", address["AllocationId"], region, _pairs(address.get("Tags")))
    for nat in ec2.describe_nat_gateways()["NatGateways"]:
        if nat["State"] not in {"deleted", "deleting"}:
            yield described("aws_nat_gateway", nat["NatGatewayId"], region, _pairs(nat.get("Tags")))
    for endpoint in ec2.describe_vpc_endpoints()["VpcEndpoints"]:
        if endpoint["State"] not in {"deleted", "deleting"}:
            yield described("aws_vpc_endpoint", endpoint["VpcEndpointId"], region, _pairs(endpoint.get("Tags")))


def _flow_logs_and_templates(clients: RegionClients) -> Iterator[ListedResource]:
    ec2, region = clients.ec2, clients.region
    for flow_log in ec2.describe_flow_logs()["FlowLogs"]:
        yield described("aws_flow_log", flow_log["FlowLogId"], region, _pairs(flow_log.get("Tags")))
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        yield described("aws_launch_template", template["LaunchTemplateId"], region, _pairs(template.get("Tags")))


def _route_tables(clients: RegionClients) -> Iterator[ListedResource]:
    default_vpcs = {vpc["VpcId"] for vpc in clients.ec2.describe_vpcs()["Vpcs"] if vpc.get("IsDefault")}
    for table in clients.ec2.describe_route_tables()["RouteTables"]:
        # A VPC's main table is part of it, and goes with it.
        if table["VpcId"] in default_vpcs or any(association.get("Main") for association in table["Associations"]):
            continue
        yield described("aws_route_table", table["RouteTableId"], clients.region, _pairs(table.get("Tags")))
        for association in table["Associations"]:
            if subnet := association.get("SubnetId"):
                yield ListedResource("aws_route_table_association", f"{subnet}/{table['RouteTableId']}", clients.region)
        for route in table["Routes"]:
            if (destination := route.get("DestinationCidrBlock")) and route.get("GatewayId") != "local":
                yield ListedResource("aws_route", f"{table['RouteTableId']}_{destination}", clients.region)


def _security_groups(clients: RegionClients) -> Iterator[ListedResource]:
    default_vpcs = {vpc["VpcId"] for vpc in clients.ec2.describe_vpcs()["Vpcs"] if vpc.get("IsDefault")}
    ours: set[str] = set()
    for group in clients.ec2.describe_security_groups()["SecurityGroups"]:
        if group.get("VpcId") in default_vpcs:
            continue
        is_default = group["GroupName"] == "default"
        if not is_default:
            ours.add(group["GroupId"])
        group_type = "aws_default_security_group" if is_default else "aws_security_group"
        yield described(group_type, group["GroupId"], clients.region, _pairs(group.get("Tags")))
    for rule in clients.ec2.describe_security_group_rules()["SecurityGroupRules"]:
        # The default group's rules are part of it; and moto keeps listing the rules of a group that is gone.
        if rule["GroupId"] not in ours:
            continue
        direction = "egress" if rule.get("IsEgress") else "ingress"
        yield described(f"aws_vpc_security_group_{direction}_rule", rule["SecurityGroupRuleId"], clients.region, _pairs(rule.get("Tags")))


def _eks(clients: RegionClients) -> Iterator[ListedResource]:
    for name in clients.eks.list_clusters()["clusters"]:
        tags = clients.eks.describe_cluster(name=name)["cluster"].get("tags", {})
        yield described("aws_eks_cluster", name, clients.region, tags.items())
        for group in clients.eks.list_nodegroups(clusterName=name)["nodegroups"]:
            tags = clients.eks.describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"].get("tags", {})
            yield described("aws_eks_node_group", f"{name}:{group}", clients.region, tags.items())


def _events(clients: RegionClients) -> Iterator[ListedResource]:
    for rule in clients.events.list_rules()["Rules"]:
        name, arn = rule.get("Name", ""), rule.get("Arn", "")
        tags = _pairs(clients.events.list_tags_for_resource(ResourceARN=arn)["Tags"])
        yield described("aws_cloudwatch_event_rule", name, clients.region, tags)
        for target in clients.events.list_targets_by_rule(Rule=name)["Targets"]:
            yield ListedResource("aws_cloudwatch_event_target", f"{name}/{target['Id']}", clients.region)


def _keys(clients: RegionClients) -> Iterator[ListedResource]:
    for key in clients.kms.list_keys()["Keys"]:
        key_id = key.get("KeyId", "")
        facts = clients.kms.describe_key(KeyId=key_id)["KeyMetadata"]
        # A deleted key waits 7 to 30 days; AWS lets nobody shorten that.
        if facts.get("KeyManager") == "AWS" or facts.get("KeyState") == "PendingDeletion":
            continue
        tags = [(tag["TagKey"], tag["TagValue"]) for tag in clients.kms.list_resource_tags(KeyId=key_id)["Tags"]]
        yield described("aws_kms_key", key_id, clients.region, tags)
    for alias in clients.kms.list_aliases()["Aliases"]:
        name = alias.get("AliasName", "")
        if not name.startswith("alias/aws/"):
            yield ListedResource("aws_kms_alias", name, clients.region)


def _log_groups(clients: RegionClients) -> Iterator[ListedResource]:
    for group in clients.logs.describe_log_groups()["logGroups"]:
        arn = group.get("arn", "").removesuffix(":*")
        tags = clients.logs.list_tags_for_resource(resourceArn=arn)["tags"]
        yield described("aws_cloudwatch_log_group", group.get("logGroupName", ""), clients.region, tags.items())


def _queues(clients: RegionClients) -> Iterator[ListedResource]:
    for url in clients.sqs.list_queues().get("QueueUrls", []):
        tags = clients.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        yield described("aws_sqs_queue", url, clients.region, tags.items())


def _buckets(clients: RegionClients) -> Iterator[ListedResource]:
    s3, region = clients.s3, clients.region
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket.get("Name", "")
        if (s3.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1") != region:
            continue
        tags = _pairs(cast("list[Any] | None", _or_none(lambda name=name: s3.get_bucket_tagging(Bucket=name)["TagSet"])))
        yield described("aws_s3_bucket", name, region, tags)
        parts: dict[str, Callable[[], object]] = {
            "lifecycle_configuration": lambda name=name: s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
            "logging": lambda name=name: s3.get_bucket_logging(Bucket=name).get("LoggingEnabled"),
            "object_lock_configuration": lambda name=name: (
                s3.get_object_lock_configuration(Bucket=name).get("ObjectLockConfiguration", {}).get("Rule")
            ),
            "ownership_controls": lambda name=name: s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"],
            "policy": lambda name=name: s3.get_bucket_policy(Bucket=name)["Policy"],
            "public_access_block": lambda name=name: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
            "replication_configuration": lambda name=name: s3.get_bucket_replication(Bucket=name)["ReplicationConfiguration"],
            "server_side_encryption_configuration": lambda name=name: s3.get_bucket_encryption(Bucket=name),
            "versioning": lambda name=name: s3.get_bucket_versioning(Bucket=name).get("Status"),
        }
        for part, read in parts.items():
            if _or_none(read):
                yield ListedResource(f"aws_s3_bucket_{part}", name, region)


def _or_none(read: Callable[[], object]) -> object:
    """What `read` returns; None when S3 says that this part of the bucket was never set."""
    try:
        return read()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code.startswith("NoSuch") or code.endswith(("NotFoundError", "NotFound")):
            return None
        raise


REGIONAL: tuple[Callable[[RegionClients], Iterable[ListedResource]], ...] = (
    _network, _ways_out, _flow_logs_and_templates, _route_tables, _security_groups, _eks, _events, _keys, _log_groups, _queues, _buckets,
)  # fmt: skip
"""Every lister that answers for one region."""
