"""The AWS account behind a deploy: the emulated one on loopback, or a real one with the caller's own credentials."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as BOTOCORE_DEFAULT_SESSION_VARIABLES
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.errors import CloudError

if TYPE_CHECKING:  # the stubs are a test dependency
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

_EMULATED_KEY = "emulated"
"""Any text serves as a key: the emulator checks none."""


FOREIGN = ("AWS_", "TF_", "MOTO_", "CDKTF_", "TIDEGATE_AWS_", "TIDEGATE_STATE")
"""How variables of the user begin that say something about another account, or about how to reach it."""

NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
"""Has programs read neither the user's ~/.aws nor a virtual machine's metadata: both are about another account."""


@contextmanager
def own_errors() -> Generator[None]:
    """Turns the AWS library's errors into ours, so that callers need not know it."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise CloudError(f"{error}; check that the account is reachable and the credentials may do this, then run it again") from error


@dataclass(frozen=True)
class Account:
    """How to reach one account; `endpoint` is the emulator's address, None means AWS itself."""

    endpoint: str | None

    @property
    def without(self) -> tuple[str, ...]:
        """How variables begin that programs for this account must not see: the user's are about another one."""
        return () if self.endpoint is None else FOREIGN

    def environment(self) -> dict[str, str]:
        """The variables that point `infra` and terraform at this account; empty for AWS itself."""
        if self.endpoint is None:
            return {}
        return {
            "TIDEGATE_AWS_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": _EMULATED_KEY,
            "AWS_SECRET_ACCESS_KEY": _EMULATED_KEY,
            **NO_FILES,
            # The emulator's port may be another than last time, and terraform would take that for a backend to migrate from.
            "TF_CLI_ARGS_init": "-reconfigure",
        }

    def in_region(self, region: str) -> RegionClients:
        """Clients for `region`, each made when first used."""
        return RegionClients(self, region)


@dataclass(frozen=True)
class RegionClients:
    """One region's API, service by service."""

    account: Account
    region: str

    @cached_property
    def _session(self) -> boto3.session.Session:
        if self.account.endpoint is None:
            return boto3.session.Session(region_name=self.region)
        # None of the user's variables, profiles and files: they are about other accounts, and a wrong one fails before any call.
        nothing = {name: (None, None, default, convert) for name, (_, _, default, convert) in BOTOCORE_DEFAULT_SESSION_VARIABLES.items()}
        files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
        core = botocore.session.Session(session_vars={**nothing, **files})
        return boto3.session.Session(_EMULATED_KEY, _EMULATED_KEY, region_name=self.region, botocore_session=core)

    @cached_property
    def _config(self) -> Config:
        path_style = {"addressing_style": "path"} if self.account.endpoint else {}
        proxies: dict[str, str] | None = (
            {} if self.account.endpoint else None
        )  # loopback is reached directly; None means what the environment says
        return Config(s3=path_style, proxies=proxies, retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=10, read_timeout=60)  # pyright: ignore[reportArgumentType] - the stub wants a literal type

    @cached_property
    def ec2(self) -> EC2Client:
        """EC2 and VPC."""
        return self._session.client("ec2", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def eks(self) -> EKSClient:
        """EKS."""
        return self._session.client("eks", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        return self._session.client("events", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def iam(self) -> IAMClient:
        """IAM, the same in every region."""
        return self._session.client("iam", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def kms(self) -> KMSClient:
        """KMS."""
        return self._session.client("kms", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def route53(self) -> Route53Client:
        """Route 53, the same in every region."""
        return self._session.client("route53", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        return self._session.client("s3", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        return self._session.client("sqs", endpoint_url=self.account.endpoint, config=self._config)

    @cached_property
    def sts(self) -> STSClient:
        """STS: who we are."""
        return self._session.client("sts", endpoint_url=self.account.endpoint, config=self._config)
