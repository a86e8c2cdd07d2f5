"""Asks the token issuer for tokens, as the companies' own programs do: with a client's secret, over TLS."""

from __future__ import annotations

import base64
import http.client
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from tidegate.embedded.fleet import loopback
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.identity import token_issuer
from tidegate.embedded.machines import network
from tidegate.errors import MachineError
from tidegate.facts.cluster import TokenIssuer

RELAY = "login"

TIMEOUT_SECONDS = 15

_SPARE_SECONDS = 300
"""A token is given out for the last time so long before its end, because it may be used for a while."""


class LoginError(MachineError):
    """The issuer gave no token."""


class UnknownCallerError(LoginError):
    """The subject may have none for this tenant."""


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str
    until: float


_kept: dict[tuple[str, ...], _Kept] = {}
"""By the client's secret too, which is another one on the next platform of this checkout."""


class _Granted(BaseModel):
    model_config = ConfigDict(extra="ignore")

    access_token: str
    expires_in: int


class _Refused(BaseModel):
    model_config = ConfigDict(extra="ignore")

    error: str
    error_description: str = ""


def get_token(local: Local, issuer: TokenIssuer, *, tenant: str, subject: str) -> str:
    """A token with which `subject` may call `tenant`; the same one again until shortly before its end.

    Raises `UnknownCallerError` when there is none for the two and `LoginError` when the issuer does not answer.
    """
    secret = token_issuer.secret_of(local.machine(network.INTERNET).folder, subject)
    if secret is None:
        raise UnknownCallerError(f"the token issuer knows no client {subject!r}")
    url = token_issuer.token_endpoint(issuer)
    key = (url, tenant, subject, secret)
    kept = _kept.get(key)
    if kept is None or time.monotonic() > kept.until:
        granted = _ask(local, url, tenant, subject, secret)
        kept = _kept[key] = _Kept(granted.access_token, time.monotonic() + granted.expires_in - _SPARE_SECONDS)
    return kept.token


def _ask(local: Local, url: str, tenant: str, subject: str, secret: str) -> _Granted:
    address = urlsplit(url)
    proof = base64.b64encode(f"{quote(subject, safe='')}:{quote(secret, safe='')}".encode()).decode()
    headers = {"Authorization": f"Basic {proof}", "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"grant_type": "client_credentials", "scope": tenant})
    step = "`tidegate local logs internet/issuer` and `internet/front` tell more"
    try:
        secured = loopback.connect(local, RELAY, address.hostname or "")
    except OSError as error:
        reason = loopback.why_not(error, whose="the issuer's", behind="front door")
        raise LoginError(f"the token issuer does not answer: {reason}; {step}") from error
    connection = http.client.HTTPConnection(address.hostname or "")
    connection.sock = secured
    try:
        secured.settimeout(TIMEOUT_SECONDS)
        connection.request("POST", address.path, body, headers)
        answer = connection.getresponse()
        status, content = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LoginError(f"the token issuer took the request and did not answer: {error!r}; {step}") from error
    finally:
        connection.close()
    try:
        if status == 200:
            return _Granted.model_validate_json(content)
        refused = _Refused.model_validate_json(content)
    except ValidationError as error:
        shown = content[:200].decode(errors="replace")
        raise LoginError(f"the token issuer answered {status} with something that is no token: {shown}; {step}") from error
    said = f"{refused.error}: {refused.error_description}".rstrip(": ")
    kind = UnknownCallerError if refused.error in {"invalid_client", "invalid_scope"} else LoginError
    raise kind(f"the token issuer refused {subject!r} a token for {tenant} ({said})")
