"""A stack of one cluster: its provider, its state and the resources added to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TypeAlias, TypeVar

from infra._cdk import App, S3Backend, TerraformDataSource, TerraformOutput, TerraformProvider, TerraformResource, TerraformStack
from infra.not_applied_locally import forgotten_attributes, reason_for
from infra.outputs import Outputs
from infra.target import Target
from tidegate.errors import UsageError
from tidegate.facts import cloud_names, names
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform

AWS_PROVIDER_VERSION = "5.100.0"
"""Exact, so that a plan on another day is the same plan."""

TERRAFORM_VERSION = ">= 1.10"
"""1.10 brought the S3 backend's own lock file."""

SERVICES = ("ec2", "eks", "events", "iam", "kms", "logs", "route53", "s3", "sqs", "sts")
"""Every AWS service a stack talks to; in emulated mode each one's address is replaced."""

EMULATED_CREDENTIALS = {"access_key": "emulated", "secret_key": "emulated"}
"""The emulator takes anything; real credentials must never reach it."""

Value: TypeAlias = "str | int | float | bool | Sequence[Value] | dict[str, Value] | dict[str, str] | None"
"""What an attribute of a resource may be."""

OutputsT = TypeVar("OutputsT", bound=Outputs)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource (or data source) of this stack, to be referred to."""

    address: str
    left_out: str | None = None
    """Why it is not part of this synthesis; referring to it is then an error."""

    def __getitem__(self, attribute: str) -> str:
        """The expression for `attribute`, such as `vpc["id"]`; a path (`"identity[0].oidc[0].issuer"`) is allowed."""
        if self.left_out:
            raise UsageError(f"{self.address}.{attribute} is used, but not applied locally: {self.left_out}")
        return f"${{{self.address}.{attribute}}}"


class Stack(TerraformStack):
    """One state of one cluster. `name` is the short one (`network`), the stack's own is `<cluster>-<name>`."""

    def __init__(self, app: App, platform: Platform, cluster: Cluster, name: str, target: Target) -> None:
        super().__init__(app, cloud_names.stack(cluster.name, name))  # pyright: ignore[reportArgumentType] - jsii protocols confuse it (aws/jsii#1919)
        self.platform = platform
        self.cluster = cluster
        self.name = name
        self.target = target
        # Every other stack's state is encrypted with the key that `state` makes.
        self.producers: list[str] = [] if name == "state" else [cloud_names.stack(cluster.name, "state")]
        """Full names of the stacks to apply first: that of the state, and each whose outputs this one reads."""
        self.left_out: list[tuple[str, str, str]] = []
        """(type, name, reason) of each resource not applied locally."""
        self._add_provider()
        self._add_backend()

    @property
    def pair(self) -> Cluster:
        """The cluster that takes over."""
        return self.platform.clusters[self.cluster.pair]

    def add(self, resource_type: str, logical_name: str, /, *, depends_on: Sequence[Resource] = (), **attributes: Value) -> Resource:
        """Adds one resource; attributes are the provider's own, None is left out.

        What the emulator lacks is not added in emulated mode, and `depends_on` forgets it.
        """
        address = f"{resource_type}.{logical_name}"
        if reason := reason_for(self.name, resource_type):
            self.left_out.append((resource_type, logical_name, reason))
            if self.target.is_emulated:
                return Resource(address, reason)
        construct = TerraformResource(self, f"{resource_type}-{logical_name}", terraform_resource_type=resource_type)  # pyright: ignore[reportArgumentType] - jsii protocols, as above
        construct.override_logical_id(logical_name)
        body = {key: value for key, value in attributes.items() if value is not None}
        if after := [other.address for other in depends_on if not other.left_out]:
            body["depends_on"] = after
        if self.target.is_emulated and (forgotten := forgotten_attributes(self.name, resource_type)):
            body["lifecycle"] = {"ignore_changes": [*ignored_changes(attributes), *forgotten]}
        # One call for all attributes: each call crosses into Node and back.
        self.add_override(f"resource.{resource_type}.{logical_name}", body)
        return Resource(address)

    def keep(self) -> Value:
        """The `lifecycle` of what must outlive a mistake: Terraform refuses to destroy it, except in the emulator."""
        return None if self.target.is_emulated else {"prevent_destroy": True}

    def publish(self, outputs: Outputs) -> None:
        """Exports every field of `outputs` under its own name."""
        for name, value in asdict(outputs).items():
            output = TerraformOutput(self, f"output-{name}", value=value)  # pyright: ignore[reportArgumentType] - jsii protocols, as above
            output.override_logical_id(name)

    def read(self, outputs: type[OutputsT], cluster: Cluster | None = None) -> OutputsT:
        """The outputs of another stack (of `cluster`, default this one), read from its remote state."""
        cluster = cluster or self.cluster
        producer = cloud_names.stack(cluster.name, outputs.STACK)
        if producer not in self.producers:
            self.producers.append(producer)
            data = TerraformDataSource(self, f"state-of-{producer}", terraform_resource_type="terraform_remote_state")  # pyright: ignore[reportArgumentType] - jsii protocols, as above
            data.override_logical_id(producer)
            body: Value = {"backend": "s3", "config": self._state_location(cluster, outputs.STACK)}
            self.add_override(f"data.terraform_remote_state.{producer}", body)
        prefix = f"data.terraform_remote_state.{producer}.outputs"
        return outputs(**{field.name: f"${{{prefix}.{field.name}}}" for field in fields(outputs)})

    def _add_provider(self) -> None:
        provider = TerraformProvider(
            self, "aws", terraform_resource_type="aws", terraform_provider_source="hashicorp/aws",
        )  # pyright: ignore[reportArgumentType] - jsii protocols, as above  # fmt: skip
        tags = {names.LABEL_CLUSTER: self.cluster.name, names.LABEL_STACK: self.name, "managed-by": "tidegate"}
        body: dict[str, Value] = {
            "region": self.cluster.region,
            # A plan against somebody else's account stops here.
            "allowed_account_ids": [self.cluster.account_id],
            "default_tags": [{"tags": tags}],
        }
        if self.target.endpoint:
            body |= {
                **EMULATED_CREDENTIALS,
                "endpoints": [dict.fromkeys(SERVICES, self.target.endpoint)],
                "s3_use_path_style": True,
                "skip_credentials_validation": True,
                "skip_metadata_api_check": True,
                "skip_region_validation": True,
            }
        for key, value in body.items():
            provider.add_override(key, value)
        self.add_override("terraform.required_version", TERRAFORM_VERSION)
        self.add_override("terraform.required_providers.aws", {"source": "hashicorp/aws", "version": AWS_PROVIDER_VERSION})

    def _add_backend(self) -> None:
        if self.name == "state" and self.target.state_is_local:
            # cdktf's default backend, whose path would name this machine's folder.
            self.add_override("terraform.backend.local.path", "terraform.tfstate")
            return
        location = {**self._state_location(self.cluster, self.name), "use_lockfile": True, "encrypt": True}
        if self.name != "state":
            # `encrypt` alone would ask for S3's own key. The `state` stack has no choice: it makes this key.
            location["kms_key_id"] = state_key_alias_arn(self.cluster)
        S3Backend(self, bucket="", key="")  # pyright: ignore[reportArgumentType] - jsii protocols, as above
        self.add_override("terraform.backend.s3", location)

    def _state_location(self, cluster: Cluster, stack: str) -> dict[str, Value]:
        location: dict[str, Value] = {
            "bucket": cloud_names.state_bucket(cluster.name, cluster.account_id),
            "key": f"{cluster.name}/{stack}.tfstate",
            "region": cluster.region,
        }
        if self.target.endpoint:
            location |= {
                **EMULATED_CREDENTIALS,
                "endpoints": {"s3": self.target.endpoint},
                "use_path_style": True,
                "skip_credentials_validation": True,
                "skip_metadata_api_check": True,
                "skip_region_validation": True,
                "skip_requesting_account_id": True,
            }
        return location


def ignored_changes(attributes: dict[str, Value]) -> list[Value]:
    """What a resource's own `lifecycle` ignores already."""
    match attributes.get("lifecycle"):
        case {"ignore_changes": list(listed)}:
            return listed
        case _:
            return []


def key_alias(cluster: Cluster, purpose: str) -> str:
    """The alias of a KMS key of `cluster`."""
    return f"alias/tidegate-{cluster.name}-{purpose}"


def state_key_alias_arn(cluster: Cluster) -> str:
    """The key of the state bucket, by alias, because its id is known only after the `state` stack's first apply."""
    return f"arn:aws:kms:{cluster.region}:{cluster.account_id}:{key_alias(cluster, 'state')}"
