"""The opponent of `synth_vs_prebuilt`: one network stack, written with the prebuilt AWS bindings. Runs in .venv-bench.

It has the shape of `infra/stacks/network.py` (VPC, three zones, NAT per zone, routes, endpoints, flow log) for one region.
"""
# pyright: basic
# The bindings are installed in .venv-bench only, so their types are unknown here.

import sys

from cdktf import App, TerraformStack  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.eip import Eip  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.flow_log import FlowLog  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.internet_gateway import InternetGateway  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.nat_gateway import NatGateway  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.provider import AwsProvider  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.route import Route  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.route_table import RouteTable  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.route_table_association import RouteTableAssociation  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.subnet import Subnet  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.vpc import Vpc  # pyright: ignore[reportMissingImports]
from cdktf_cdktf_provider_aws.vpc_endpoint import VpcEndpoint  # pyright: ignore[reportMissingImports]

SERVICES = ("ec2", "ecr.api", "ecr.dkr", "eks", "kms", "logs", "sqs", "sts")


def build(app: App) -> None:
    """Adds the stack."""
    stack = TerraformStack(app, "live-1-network")
    AwsProvider(stack, "aws", region="eu-west-1")
    vpc = Vpc(stack, "main", cidr_block="10.16.0.0/16", enable_dns_hostnames=True, enable_dns_support=True)
    gateway = InternetGateway(stack, "gateway", vpc_id=vpc.id)
    out = RouteTable(stack, "public", vpc_id=vpc.id)
    Route(stack, "public-out", route_table_id=out.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
    private = []
    for number, zone in enumerate("abc"):
        public = Subnet(stack, f"public-{zone}", vpc_id=vpc.id, cidr_block=f"10.16.{number}.0/24", availability_zone=f"eu-west-1{zone}")
        inner = Subnet(
            stack, f"private-{zone}", vpc_id=vpc.id, cidr_block=f"10.16.{64 + 32 * number}.0/19", availability_zone=f"eu-west-1{zone}"
        )
        private.append(inner.id)
        address = Eip(stack, f"nat-address-{zone}", domain="vpc")
        nat = NatGateway(stack, f"nat-{zone}", allocation_id=address.id, subnet_id=public.id)
        table = RouteTable(stack, f"private-routes-{zone}", vpc_id=vpc.id)
        Route(stack, f"private-out-{zone}", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)
        RouteTableAssociation(stack, f"public-association-{zone}", subnet_id=public.id, route_table_id=out.id)
        RouteTableAssociation(stack, f"private-association-{zone}", subnet_id=inner.id, route_table_id=table.id)
    for service in SERVICES:
        VpcEndpoint(
            stack, f"endpoint-{service.replace('.', '-')}", vpc_id=vpc.id, service_name=f"com.amazonaws.eu-west-1.{service}",
            vpc_endpoint_type="Interface", subnet_ids=private, private_dns_enabled=True,
        )  # fmt: skip
    FlowLog(stack, "flow", vpc_id=vpc.id, traffic_type="ALL", log_destination="arn:aws:s3:::flow-logs", log_destination_type="s3")


if __name__ == "__main__":
    application = App(outdir=sys.argv[1])
    build(application)
    application.synth()
