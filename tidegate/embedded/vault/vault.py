"""Writes into Vault what the repository says: engines, one policy and one role per tenant, and the signing keys.

Every step looks first and writes only what differs, so a second run changes nothing. The first token lets `tidegate up` in by its
own Kubernetes identity and is then revoked; from there on nothing is stored that opens Vault but the recovery key.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.embedded.identity import certificates
from tidegate.embedded.machines.supervision import fill
from tidegate.embedded.vault.vault_client import Vault
from tidegate.embedded.vault.vault_keys import take_over
from tidegate.errors import MachineError
from tidegate.facts import cloud_names, names
from tidegate.facts.cluster import Cluster
from tidegate.facts.tenant import Tenant

POLICIES = Path("clusters/embedded/vault")
"""What roles may do, in Vault's language."""

NAMESPACE = names.NAMESPACE_VAULT
AUDIENCE = "vault"
"""Tokens for anything else are refused, and a token for Vault opens nothing else."""

PLATFORM = "platform"
"""Our own role and policy."""

CONFIGURER = "vault-configurer"
"""The ServiceAccount that `tidegate up` asks a token for; nothing runs as it."""

TOKEN_SECONDS, TOKEN_MOST_SECONDS = 600, 900
"""Life of a pod's token, which it gives back as soon as it has its credentials."""

CREDENTIAL_SECONDS, CREDENTIAL_MOST_SECONDS = 900, 3600
"""Life of credentials for the model store. 900 is the least that AWS gives; the largest model must be fetched within it."""

_ENGINES: Mapping[str, Mapping[str, object]] = {
    "aws": {"type": "aws"},
    "secret": {"type": "kv", "options": {"version": "2"}},
    "transit": {"type": "transit"},
}


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What Vault itself shows AWS. The secret half can be written and never read back."""

    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one cluster's Vault shall hold."""

    cluster: Cluster
    tenants: Sequence[Tenant]
    policies: Path
    """The folder of the policies."""
    aws_endpoint: str
    """Where Vault asks for credentials; in a real account AWS's own."""
    access_key: AccessKey
    signing_keys: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    """Private keys (PEM) by name; one that Vault has already is left alone."""
    kubernetes: Mapping[str, object] = field(default_factory=lambda: {"kubernetes_host": "https://kubernetes.default.svc"})
    """Who reviews pods' tokens; authority and own token are those of Vault's pod."""


def sealing_key(folder: Path) -> str:
    """The key that unseals this machine's Vault (32 bytes in base64), made at first use and kept in `folder`."""
    path = folder / "vault-seal.key"
    if not path.is_file():
        certificates.write_secret(path, base64.b64encode(secrets.token_bytes(32)))
    return path.read_text(encoding="ascii")


def open_up(vault: Vault, wanted: Wanted, kept: Path) -> bool:
    """Initialises Vault and prepares it for everybody who logs in; False when that was done before.

    `kept` is a file for the recovery key; it holds the first token too until that is revoked, so that a killed run can be
    taken up. Raises `MachineError` when Vault holds something that this machine did not put there.
    """
    if not vault.is_initialized():
        recovery_key, token = vault.initialize()
        certificates.write_secret(kept, json.dumps({"recovery_key": recovery_key, "first_token": token}).encode())
    if not kept.is_file():
        raise MachineError("Vault was initialised by somebody else: its recovery key is not on this machine; empty its folder")
    content: dict[str, str] = json.loads(kept.read_bytes())
    if "first_token" not in content:
        return False
    vault.token = content.pop("first_token")
    _prepare(vault, wanted)
    vault.revoke_own_token()
    certificates.write_secret(kept, json.dumps(content).encode())
    return True


def _prepare(vault: Vault, wanted: Wanted) -> None:
    """What our own role may not: engines, the audit log, and that role."""
    mounted = vault.read("sys/mounts") or {}
    for path, engine in _ENGINES.items():
        if f"{path}/" not in mounted:
            vault.write(f"sys/mounts/{path}", engine)
    if "kubernetes/" not in (vault.read("sys/auth") or {}):
        vault.write("sys/auth/kubernetes", {"type": "kubernetes"})
    if "stdout/" not in (vault.read("sys/audit") or {}):
        # Every request by its caller; what is secret in it is written as a keyed digest.
        vault.write("sys/audit/stdout", {"type": "file", "options": {"file_path": "stdout"}})
    _settle(vault, "auth/kubernetes/config", wanted.kubernetes)
    _settle(vault, f"sys/policies/acl/{PLATFORM}", {"policy": (wanted.policies / "platform.hcl").read_text(encoding="utf-8")})
    _settle(vault, f"auth/kubernetes/role/{PLATFORM}", _role(PLATFORM, CONFIGURER, NAMESPACE))


def configure(vault: Vault, wanted: Wanted) -> list[str]:
    """Makes Vault hold what is wanted, and nothing of tenants that are gone; returns the paths that were changed.

    `vault` is logged in as `PLATFORM`. Raises `MachineError` with Vault's words, or when our own policy is not the repository's.
    """
    own = wanted.policies / f"{PLATFORM}.hcl"
    if (vault.read(f"sys/policies/acl/{PLATFORM}") or {}).get("policy") != own.read_text(encoding="utf-8"):
        remedy = "write it with a token made by the recovery key, or take the region down and up again"
        raise MachineError(f"{own}: Vault was initialised with another policy, which nobody may widen from here; {remedy}")
    changed = _settle(vault, "aws/config/root", _aws_root(wanted), hidden={"access_key", "secret_key"})  # a rotated key stays
    for key_id, pem in sorted(wanted.signing_keys.items()):
        if vault.read(f"transit/keys/{key_id}") is None:
            take_over(vault, key_id, pem)
            changed.append(f"transit/keys/{key_id}")
    policy = (wanted.policies / "tenant.hcl").read_text(encoding="utf-8")
    for tenant in wanted.tenants:
        name = tenant.name
        role = _role(f"tenant-{name}", names.serving_service_account(name), tenant.namespace_name)
        changed += _settle(vault, f"sys/policies/acl/tenant-{name}", {"policy": fill(policy, {"tenant": name})})
        changed += _settle(vault, f"auth/kubernetes/role/{name}", role)
        changed += _settle(vault, f"aws/roles/{name}", _aws_role(wanted.cluster, tenant))
    return changed + _remove_gone(vault, {tenant.name for tenant in wanted.tenants})


def rotate(vault: Vault, wanted: Wanted) -> None:
    """Gives Vault another key for AWS (`wanted.access_key`) and takes back every token that a pod still holds, our own too.

    Pods that serve need neither; one that starts meanwhile is started again.
    """
    vault.write("aws/config/root", _aws_root(wanted))
    vault.write("sys/leases/revoke-prefix/auth/kubernetes/login", {})


def _aws_root(wanted: Wanted) -> dict[str, object]:
    region, endpoint = wanted.cluster.region, wanted.aws_endpoint
    return {
        "access_key": wanted.access_key.key_id, "secret_key": wanted.access_key.secret, "region": region,
        "iam_endpoint": endpoint, "sts_endpoint": endpoint, "sts_region": region,
    }  # fmt: skip


def _aws_role(cluster: Cluster, tenant: Tenant) -> dict[str, object]:
    """The tenant's own IAM role, narrowed to its prefix once more: one mistake in either is then not enough."""
    bucket = f"arn:aws:s3:::{cloud_names.models_bucket(cluster.name, cluster.account_id)}"
    own = {"StringLike": {"s3:prefix": [f"{tenant.name}/*"]}}
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{cluster.region}.amazonaws.com"}}
    statements: list[dict[str, object]] = [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket], "Condition": own},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": [f"{bucket}/{tenant.name}/*"]},
        {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": ["*"], "Condition": through_s3},
    ]
    return {
        "credential_type": "assumed_role",
        "role_arns": [f"arn:aws:iam::{cluster.account_id}:role/{cloud_names.tenant_role(cluster.name, tenant.name)}"],
        "policy_document": json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":")),
        "default_sts_ttl": CREDENTIAL_SECONDS,
        "max_sts_ttl": CREDENTIAL_MOST_SECONDS,
    }


def _role(policy: str, account: str, namespace: str) -> dict[str, object]:
    return {
        "bound_service_account_names": [account], "bound_service_account_namespaces": [namespace], "audience": AUDIENCE,
        "token_policies": [policy], "token_no_default_policy": True, "token_ttl": TOKEN_SECONDS, "token_max_ttl": TOKEN_MOST_SECONDS,
    }  # fmt: skip


def _settle(vault: Vault, path: str, wanted: Mapping[str, object], hidden: Iterable[str] = ()) -> list[str]:
    """Writes `wanted` at `path` when something of it differs; what is `hidden` cannot be read, and is not compared."""
    found = vault.read(path) or {}
    if all(found.get(key) == value for key, value in wanted.items() if key not in hidden):
        return []
    vault.write(path, wanted)
    return [path]


def _remove_gone(vault: Vault, present: set[str]) -> list[str]:
    """A role without its tenant would wait for whoever takes the name next."""
    kept = {"auth/kubernetes/role": {*present, PLATFORM}, "aws/roles": present}
    gone = [f"{folder}/{name}" for folder, known in kept.items() for name in vault.names(folder) if name not in known]
    policies = [name for name in vault.names("sys/policies/acl") if name.startswith("tenant-")]
    gone += [f"sys/policies/acl/{name}" for name in policies if name.removeprefix("tenant-") not in present]
    for path in gone:
        vault.delete(path)
    return gone
