"""A real Vault holds what the repository says: each tenant's pods get their own credentials, for minutes, and nobody else does."""

from __future__ import annotations

import json
import stat
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.root import ROOT
from tests.tidegate.embedded.vault.vault_server import Server, account_token, reviewer
from tidegate import tools
from tidegate.embedded.vault import vault as subject
from tidegate.embedded.vault.vault_client import Vault
from tidegate.embedded.vault.vault_keys import TransitKey
from tidegate.errors import MachineError, ToolError
from tidegate.facts import cloud_names, inventory
from tidegate.signing.keys import embedded_signer

FETCHER = ROOT / "clusters/workloads/model_verifier"
FRAUD, CREDIT = ("tenant-fraud", "fraud-serving"), ("tenant-credit", "credit-serving")


@pytest.fixture(scope="module")
def wanted(aws: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[subject.Wanted]:
    platform = inventory.load(ROOT)
    key = embedded_signer("fraud-release", tmp_path_factory.mktemp("keys"))
    with reviewer() as address:
        yield subject.Wanted(
            cluster=platform.clusters["live-1"], tenants=platform.tenants_of("live-1"), policies=ROOT / subject.POLICIES,
            aws_endpoint=aws, access_key=subject.AccessKey("emulated", "never-shown-1"),
            signing_keys={"fraud-release": key.path.read_bytes()},
            kubernetes={"kubernetes_host": address, "disable_local_ca_jwt": True},
        )  # fmt: skip


@pytest.fixture(scope="module")
def server(program: Path, wanted: subject.Wanted, tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    made = Server(program, tmp_path_factory.mktemp("vault"))
    made.start()
    assert subject.open_up(Vault(made.address), wanted, made.folder / "kept.json")
    assert subject.configure(platform_vault(made), wanted)
    yield made
    made.stop()


def platform_vault(server: Server) -> Vault:
    return logged_in(server, subject.PLATFORM, (subject.NAMESPACE, subject.CONFIGURER))


def logged_in(server: Server, role: str, account: tuple[str, str], audience: str = "vault") -> Vault:
    vault = Vault(server.address)
    vault.log_in(role, account_token(*account, audience))
    return vault


def test_second_run_changes_nothing(server: Server, wanted: subject.Wanted) -> None:
    assert subject.open_up(Vault(server.address), wanted, server.folder / "kept.json") is False
    assert subject.configure(platform_vault(server), wanted) == []


def test_first_token_is_revoked_and_nothing_kept_that_opens_vault(server: Server) -> None:
    kept = server.folder / "kept.json"
    assert set(json.loads(kept.read_text())) == {"recovery_key"}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_killed_preparation_is_taken_up(program: Path, wanted: subject.Wanted, tmp_path: Path) -> None:
    other = Server(program, tmp_path)
    other.start()
    try:
        recovery_key, token = Vault(other.address).initialize()
        (tmp_path / "kept.json").write_text(json.dumps({"recovery_key": recovery_key, "first_token": token}))
        assert subject.open_up(Vault(other.address), wanted, tmp_path / "kept.json") is True
        with pytest.raises(MachineError, match="permission denied"):
            Vault(other.address, token=token).read("sys/mounts")
        (tmp_path / "kept.json").unlink()
        with pytest.raises(MachineError, match="Vault was initialised by somebody else"):
            subject.open_up(Vault(other.address), wanted, tmp_path / "kept.json")
    finally:
        other.stop()


def test_tenants_pods_get_credentials_that_end(server: Server) -> None:
    lent = logged_in(server, "fraud", FRAUD).read("aws/sts/fraud")
    assert lent
    assert "assumed-role/live-1-tenant-fraud/" in lent["arn"]
    assert 0 < lent["ttl"] <= subject.CREDENTIAL_SECONDS
    assert lent["session_token"]


@pytest.mark.parametrize(
    ("role", "account", "audience", "said"),
    [
        ("fraud", CREDIT, "vault", "service account name not authorized"),
        ("fraud", ("tenant-credit", "fraud-serving"), "vault", "namespace not authorized"),
        ("fraud", ("tenant-fraud", "default"), "vault", "service account name not authorized"),
        ("fraud", FRAUD, "https://kubernetes.default.svc", "invalid audience"),
        ("platform", FRAUD, "vault", "service account name not authorized"),
        ("nobody", FRAUD, "vault", "invalid role name"),
    ],
    ids=["other-tenant", "same-account-elsewhere", "other-account", "token-for-kubernetes", "platforms-role", "no-such-role"],
)
def test_login_is_refused(server: Server, role: str, account: tuple[str, str], audience: str, said: str) -> None:
    with pytest.raises(MachineError, match=said):
        logged_in(server, role, account, audience)


@pytest.mark.parametrize(
    "path", ["aws/sts/credit", "aws/creds/fraud", "secret/data/credit/x", "transit/keys/fraud-release", "sys/mounts", "aws/roles/fraud"]
)
def test_tenant_reads_nothing_but_its_own(server: Server, path: str) -> None:
    with pytest.raises(MachineError, match=rf"Vault refuses {path}: [\s\S]*permission denied"):
        logged_in(server, "fraud", FRAUD).read(path)


@pytest.mark.parametrize("path", ["aws/sts/fraud", "secret/data/fraud/x", "auth/token/lookup-self", "sys/raw/core"])
def test_platforms_role_borrows_nothing_and_reads_no_secrets(server: Server, path: str) -> None:
    with pytest.raises(MachineError, match=r"permission denied|unsupported path"):
        platform_vault(server).read(path)


@pytest.mark.parametrize("path", ["auth/kubernetes/role/platform", "sys/policies/acl/platform", "auth/token/create"])
def test_platforms_role_cannot_widen_itself(server: Server, path: str) -> None:
    with pytest.raises(MachineError, match="permission denied"):
        platform_vault(server).write(path, {"policy": 'path "*" { capabilities = ["sudo"] }', "token_policies": ["root"]})


def test_policy_of_ours_that_is_not_the_repositorys_is_told(server: Server, wanted: subject.Wanted, tmp_path: Path) -> None:
    for path in wanted.policies.iterdir():
        (tmp_path / path.name).write_text(f"# More.\n{path.read_text()}")
    with pytest.raises(MachineError, match=r"platform\.hcl: Vault was initialised with another policy"):
        subject.configure(platform_vault(server), replace(wanted, policies=tmp_path))


def tenants_vault(server: Server) -> Vault:
    return logged_in(server, "fraud", FRAUD)


@pytest.mark.parametrize("log_in", [platform_vault, tenants_vault], ids=["platform", "tenant"])
def test_token_that_was_given_back_opens_nothing(server: Server, log_in: Callable[[Server], Vault]) -> None:
    vault = log_in(server)
    token = vault.token
    vault.revoke_own_token()
    with pytest.raises(MachineError, match=r"invalid token"):
        Vault(server.address, token=token).read("transit/wrapping_key")


def test_token_ends_by_itself(server: Server, wanted: subject.Wanted) -> None:
    platform = platform_vault(server)
    role: Any = platform.read("auth/kubernetes/role/fraud")
    assert (role["token_ttl"], role["token_max_ttl"]) == (subject.TOKEN_SECONDS, subject.TOKEN_MOST_SECONDS)
    platform.write("auth/kubernetes/role/fraud", {**role, "token_ttl": 1, "token_max_ttl": 1})
    vault = logged_in(server, "fraud", FRAUD)
    time.sleep(1.5)
    with pytest.raises(MachineError, match="permission denied"):
        vault.read("aws/sts/fraud")
    assert subject.configure(platform, wanted) == ["auth/kubernetes/role/fraud"]  # and the edit is mended


def test_removed_tenant_leaves_no_role(server: Server, wanted: subject.Wanted) -> None:
    fewer = replace(wanted, tenants=[tenant for tenant in wanted.tenants if tenant.name != "merchants"])
    paths = ["auth/kubernetes/role/merchants", "aws/roles/merchants", "sys/policies/acl/tenant-merchants"]
    assert sorted(subject.configure(platform_vault(server), fewer)) == sorted(paths)
    with pytest.raises(MachineError, match="invalid role name"):
        logged_in(server, "merchants", ("tenant-merchants", "merchants-serving"))
    assert sorted(subject.configure(platform_vault(server), wanted)) == sorted(paths)


def test_key_signs_in_vault_as_it_did_in_its_file_and_stays_there(server: Server, wanted: subject.Wanted) -> None:
    key = TransitKey("fraud-release", platform_vault(server))
    private = serialization.load_pem_private_key(wanted.signing_keys["fraud-release"], None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    public = private.public_key()
    spki = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert key.public_pem() == spki.decode()
    public.verify(key.sign(b"statement"), b"statement", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(MachineError, match="permission denied"):
        key.vault.read("transit/export/signing-key/fraud-release")
    with pytest.raises(MachineError, match="Vault has no signing key other"):
        TransitKey("other", key.vault).public_pem()


def test_rotation_takes_back_every_token_and_the_next_pod_gets_new_credentials(server: Server, wanted: subject.Wanted) -> None:
    before = logged_in(server, "fraud", FRAUD)
    first: Any = before.read("aws/sts/fraud")
    subject.rotate(platform_vault(server), replace(wanted, access_key=subject.AccessKey("second", "never-shown-2")))
    with pytest.raises(MachineError, match="permission denied"):
        before.read("aws/sts/fraud")
    after: Any = logged_in(server, "fraud", FRAUD).read("aws/sts/fraud")
    assert after["access_key"] != first["access_key"]
    root: Any = platform_vault(server).read("aws/config/root")
    assert root["access_key"] == "second"
    assert subject.configure(platform_vault(server), wanted) == []  # nothing puts the old key back


def fetch(server: Server, tmp_path: Path, role: str, account: tuple[str, str]) -> str:
    """What a pod's init container does between the two ends of the loan."""
    (tmp_path / "token").write_text(account_token(*account))
    script = (
        "import json, os, vault_credentials\nvault_credentials.PATIENCE_SECONDS = 1.0\n"
        "with vault_credentials.borrowed():\n    print(json.dumps({k: v for k, v in os.environ.items() if k in vault_credentials._NAMES.values()}))\n"
        "print(json.dumps([k for k in os.environ if k in vault_credentials._NAMES.values()]))\n"
    )
    told = {"VAULT_ADDR": server.address, "VAULT_ROLE": role, "VAULT_TOKEN_FILE": str(tmp_path / "token"), "PYTHONPATH": str(FETCHER)}
    return tools.run([sys.executable, "-c", script], env=told).stdout


def test_init_container_holds_credentials_only_while_it_fetches(server: Server, tmp_path: Path) -> None:
    within, afterwards = fetch(server, tmp_path, "fraud", FRAUD).splitlines()
    assert set(json.loads(within)) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    assert json.loads(afterwards) == []


def test_init_container_of_another_tenant_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"No credentials: Vault refuses auth/kubernetes/login for fraud: .*not authorized") as refused:
        fetch(server, tmp_path, "fraud", CREDIT)
    assert refused.value.exit_code == 69


def test_credentials_reach_the_tenants_own_prefix_and_no_other(server: Server, wanted: subject.Wanted, aws: str) -> None:
    cluster = wanted.cluster
    bucket, role = cloud_names.models_bucket("live-1", cluster.account_id), cloud_names.tenant_role("live-1", "fraud")
    told = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "endpoint_url": aws, "region_name": cluster.region}
    s3, iam = boto3.client("s3", **told), boto3.client("iam", **told)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownMemberType, reportUnknownVariableType]
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cluster.region})  # pyright: ignore[reportArgumentType]
    for key in ("fraud/scorer/1/model.txt", "credit/decision/1/model.txt"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/fraud/*"}],
    }
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=json.dumps(policy))
    lent: Any = logged_in(server, "fraud", FRAUD).read("aws/sts/fraud")
    requests.post(f"{aws}/moto-api/reset-auth", data="0", timeout=10)
    try:
        own = boto3.client(  # pyright: ignore[reportUnknownMemberType]
            "s3", aws_access_key_id=lent["access_key"], aws_secret_access_key=lent["secret_key"], aws_session_token=lent["session_token"],
            endpoint_url=aws, region_name=cluster.region,
        )  # fmt: skip
        assert own.get_object(Bucket=bucket, Key="fraud/scorer/1/model.txt")["Body"].read() == b"x"
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
            own.get_object(Bucket=bucket, Key="credit/decision/1/model.txt")
    finally:
        requests.post(f"{aws}/moto-api/reset-auth", data="inf", timeout=10)


def test_sealed_vault_lends_nothing_until_it_is_started_again(server: Server, tmp_path: Path) -> None:
    platform_vault(server).write("sys/seal", {})
    with pytest.raises(MachineError, match="Vault is sealed"):
        logged_in(server, "fraud", FRAUD)
    with pytest.raises(ToolError, match="No credentials: Vault does not answer auth/kubernetes/login: Vault is sealed"):
        fetch(server, tmp_path, "fraud", FRAUD)
    server.stop()
    server.start()
    assert logged_in(server, "fraud", FRAUD).read("aws/sts/fraud")


def test_other_sealing_key_opens_nothing(server: Server) -> None:
    key = server.folder / "vault-seal.key"
    right = key.read_bytes()
    server.stop()
    key.unlink()
    try:
        server.start(until="fetching stored unseal keys failed")  # with a key made anew
        assert Vault(server.address).is_sealed()
    finally:
        server.stop()
        key.write_bytes(right)
        server.start()
    assert logged_in(server, "fraud", FRAUD).read("aws/sts/fraud")


def test_audit_log_and_data_hold_no_secret(server: Server) -> None:
    vault = logged_in(server, "fraud", FRAUD)
    lent: Any = vault.read("aws/sts/fraud")
    written = server.log.encode() + b"".join(path.read_bytes() for path in (server.folder / "data").rglob("*") if path.is_file())
    assert b'"path":"aws/sts/fraud"' in written
    for secret in (lent["secret_key"], lent["session_token"], vault.token, "never-shown-1", "never-shown-2"):
        assert secret.encode() not in written
