"""What the issuer knows: its keys, its clients, its addresses, as `tidegate` last wrote them down."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

METHODS = ("client_secret_basic", "client_secret_post")
GRANT = "client_credentials"


@dataclass(frozen=True)
class Client:
    """Who may ask for tokens: a subject, and the tenants whose models it may call. The methods are what Authlib asks."""

    subject: str
    secret_sha256: str
    tenants: tuple[str, ...]

    def get_client_id(self) -> str:
        """The subject itself: what RFC 9068 wants where no user is involved."""
        return self.subject

    def check_client_secret(self, secret: str) -> bool:
        """Whether it is the client's secret; how long that takes does not depend on how much is right."""
        return hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), self.secret_sha256)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Whether the client may prove who it is in this way."""
        return method in METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the client may ask in this way."""
        return grant_type == GRANT

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The tenant that the token is for: the one asked for, or the only one; None when it is not among the client's."""
        asked = scope or (self.tenants[0] if len(self.tenants) == 1 else "")
        return asked if asked in self.tenants else None


@dataclass(frozen=True)
class Settings:
    """What the file says."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    audience: str
    tenant_claim: str
    lifetime_seconds: int
    signs_with: str
    keys: dict[str, RSAKey]
    clients: dict[str, Client]

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Raises `OSError`, or `ValueError`, `TypeError`, `KeyError` or `AttributeError` for anything but what is expected."""
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        keys = {name: RSAKey.import_key(pem, {"kid": name, "use": "sig", "alg": "RS256"}) for name, pem in said.pop("keys").items()}
        clients = {name: Client(name, one["secret_sha256"], tuple(one["tenants"])) for name, one in said.pop("clients").items()}
        settings = cls(keys=keys, clients=clients, **said)
        if settings.signs_with not in keys:
            raise ValueError(f"signs_with names no key: {settings.signs_with!r}")
        return settings


class Kept:
    """The settings as the file says now, or as it last did while it could be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._state()
        self._settings = Settings.read(path)

    @property
    def settings(self) -> Settings:
        """Read again when the file is another than before."""
        state = self._state()
        if state != self._seen:
            self._seen = state
            try:
                self._settings = Settings.read(self._path)
                log("settings read again", signs_with=self._settings.signs_with, clients=len(self._settings.clients))
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                log("settings not readable, the former ones stay", error=type(error).__name__)
        return self._settings

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def log(what: str, **facts: object) -> None:
    """A line as JSON, which no line break in what a client sent can forge."""
    print(json.dumps({"what": what, **facts}), flush=True)  # noqa: T201 - supervisor keeps what it says
