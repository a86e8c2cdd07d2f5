"""The settings of the token issuer in the internet machine: its keys, its clients and their secrets, kept as long as the machine is."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from pydantic import TypeAdapter, ValidationError

from tidegate.embedded.identity import tokens
from tidegate.embedded.identity.certificates import write_secret
from tidegate.errors import MachineError
from tidegate.facts.cluster import Cluster, TokenIssuer
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant

_SECRET_BYTES = 32


def folder(machine: Path) -> Path:
    """What the issuer sees, in the folder of its machine."""
    return machine / "issuer"


def token_endpoint(issuer: TokenIssuer) -> str:
    """Where tokens are asked for."""
    return f"{issuer.issuer.rstrip('/')}/token"


def write_settings(machine: Path, platform: Platform) -> Path:
    """Tells the issuer about every caller that tenants name, in `machine`, its machine's folder; the issuer reads it at once.

    Keys and secrets are made when they are missing and stay otherwise. Returns the folder that the issuer sees. Raises
    `MachineError` when the clusters name several issuers: there is one here.
    """
    issuer = _only_issuer(platform.clusters)
    clients = _clients(platform.tenants.values())
    known = _secrets(machine)
    kept = {subject: known.get(subject) or secrets.token_urlsafe(_SECRET_BYTES) for subject in clients}
    if kept != known:
        write_secret(_secrets_path(machine), json.dumps(kept, sort_keys=True).encode())
    said = {
        "issuer": issuer.issuer, "token_endpoint": token_endpoint(issuer), "jwks_uri": issuer.jwks_uri, "audience": issuer.audience,
        "tenant_claim": issuer.tenant_claim, "lifetime_seconds": tokens.LIFETIME_SECONDS, "signs_with": _signs_with(machine),
        "keys": {name: _pem(machine, name) for name in tokens.KEY_FILES},
        "clients": {
            subject: {"secret_sha256": hashlib.sha256(kept[subject].encode()).hexdigest(), "tenants": tenants}
            for subject, tenants in clients.items()
        },
    }  # fmt: skip
    _write(machine, said)
    return folder(machine)


def secret_of(machine: Path, subject: str) -> str | None:
    """What the client `subject` proves itself with; None when the issuer knows no such client."""
    return _secrets(machine).get(subject)


def rotate(machine: Path) -> str:
    """Has the issuer sign with its other key from now on, and returns that key's name.

    Both stay published: who has fetched the keys knows the new one, and tokens of the former live on. Raises
    `MachineError` when the issuer was never told anything.
    """
    now = _signs_with(machine)
    chosen = next(name for name in tokens.KEY_FILES if name != now)
    try:
        said = json.loads(_settings_path(machine).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MachineError("the token issuer has no settings yet; bring it up with `tidegate up`") from error
    _write(machine, said | {"signs_with": chosen})
    return chosen


def _only_issuer(clusters: Mapping[str, Cluster]) -> TokenIssuer:
    first, *others = [cluster for _, cluster in sorted(clusters.items())]
    for other in others:
        if other.token_issuer != first.token_issuer:
            raise MachineError(
                f"{first.name} and {other.name} name different token issuers, of which the embedded platform plays one; write the same "
                f"under token_issuer in clusters/inventory/{first.name}/cluster.yaml and clusters/inventory/{other.name}/cluster.yaml"
            )
    return first.token_issuer


def _clients(tenants: Iterable[Tenant]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tenant in sorted(tenants, key=lambda one: one.name):
        for caller in tenant.callers:
            if caller.subject:
                found.setdefault(caller.subject, []).append(tenant.name)
    return dict(sorted(found.items()))


def _secrets_path(machine: Path) -> Path:
    return machine / "pki" / "token-clients.json"


def _settings_path(machine: Path) -> Path:
    return folder(machine) / "settings.json"


def _secrets(machine: Path) -> dict[str, str]:
    try:
        return TypeAdapter(dict[str, str]).validate_json(_secrets_path(machine).read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}


def _signs_with(machine: Path) -> str:
    try:
        said = json.loads(_settings_path(machine).read_text(encoding="utf-8")).get("signs_with")
    except (FileNotFoundError, ValueError, AttributeError):
        said = None
    return next((name for name in tokens.KEY_FILES if name == said), tokens.KEY_ID)


def _pem(machine: Path, name: str) -> str:
    key = tokens.signing_key(machine / "pki", name)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def _write(machine: Path, said: Mapping[str, object]) -> None:
    """At once: the issuer reads it whenever it has changed, and half of it would be none."""
    folder(machine).mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder(machine), prefix=".settings-", delete=False, encoding="utf-8") as fresh:
        json.dump(said, fresh, sort_keys=True)
    Path(fresh.name).replace(_settings_path(machine))
