"""Listers of what an account has once: IAM and Route 53."""

# pyright: reportTypedDictNotRequiredAccess=false
# AWS's models mark nearly every field as optional; one that is absent after all should end the listing with a KeyError.

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tidegate.cloud.account import RegionClients
from tidegate.cloud.listed import ListedResource, described

EVERYWHERE = "global"
"""What stands for the region of a global resource."""


def _roles(clients: RegionClients) -> Iterator[ListedResource]:
    iam = clients.iam
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            if role["Path"].startswith("/aws-service-role/"):
                continue
            tags = [(tag["Key"], tag["Value"]) for tag in iam.list_role_tags(RoleName=name)["Tags"]]
            yield described("aws_iam_role", name, EVERYWHERE, tags)
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                yield ListedResource("aws_iam_role_policy", f"{name}:{policy}", EVERYWHERE)
            for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                yield ListedResource("aws_iam_role_policy_attachment", f"{name}/{attached.get('PolicyArn', '')}", EVERYWHERE)


def _policies(clients: RegionClients) -> Iterator[ListedResource]:
    for page in clients.iam.get_paginator("list_policies").paginate(Scope="Local"):
        for policy in page["Policies"]:
            arn = policy.get("Arn", "")
            tags = [(tag["Key"], tag["Value"]) for tag in clients.iam.list_policy_tags(PolicyArn=arn)["Tags"]]
            yield described("aws_iam_policy", arn, EVERYWHERE, tags)


def _instance_profiles(clients: RegionClients) -> Iterator[ListedResource]:
    for profile in clients.iam.list_instance_profiles()["InstanceProfiles"]:
        tags = [(tag["Key"], tag["Value"]) for tag in profile.get("Tags", [])]
        yield described("aws_iam_instance_profile", profile["InstanceProfileName"], EVERYWHERE, tags)


def _oidc_providers(clients: RegionClients) -> Iterator[ListedResource]:
    for provider in clients.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        arn = provider.get("Arn", "")
        tags = [(tag["Key"], tag["Value"]) for tag in clients.iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"]]
        yield described("aws_iam_openid_connect_provider", arn, EVERYWHERE, tags)


def _zones(clients: RegionClients) -> Iterator[ListedResource]:
    route53 = clients.route53
    for zone in route53.list_hosted_zones()["HostedZones"]:
        zone_id = zone["Id"].removeprefix("/hostedzone/")
        tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id)["ResourceTagSet"].get("Tags", [])
        yield described("aws_route53_zone", zone_id, EVERYWHERE, [(tag.get("Key", ""), tag.get("Value", "")) for tag in tags])
        for record in route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]:
            if record["Type"] in {"NS", "SOA"}:
                continue
            parts = [zone_id, record["Name"].removesuffix("."), record["Type"], record.get("SetIdentifier", "")]
            yield ListedResource("aws_route53_record", "_".join(part for part in parts if part), EVERYWHERE)
    for check in route53.list_health_checks()["HealthChecks"]:
        tags = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"])["ResourceTagSet"].get("Tags", [])
        pairs = [(tag.get("Key", ""), tag.get("Value", "")) for tag in tags]
        yield described("aws_route53_health_check", check["Id"], EVERYWHERE, pairs)


GLOBAL: tuple[Callable[[RegionClients], Iterable[ListedResource]], ...] = (_roles, _policies, _instance_profiles, _oidc_providers, _zones)
"""Every lister that answers for the whole account."""
