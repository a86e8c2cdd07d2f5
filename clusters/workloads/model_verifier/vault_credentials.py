"""Borrows credentials for the model store from Vault, by the pod's own identity, and gives the right to them back.

The token that Kubernetes wrote for Vault alone is exchanged for one of Vault's, and that for credentials of the tenant's role. They
are in this process's environment only: the verifier is started without them, and the server never sees them.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

ADDRESS = "VAULT_ADDR"
AUTHORITY = "VAULT_CACERT_BYTES"
"""PEM of the authority that signed Vault's certificate (the variable's name is Vault's own)."""

ROLE = "VAULT_ROLE"
"""The tenant, from the pod's label. Who writes another's there is refused: a role is bound to a ServiceAccount and namespace."""

TOKEN_FILE = "VAULT_TOKEN_FILE"  # noqa: S105 - the name of a variable
UNAVAILABLE = 69
"""The exit code when there are no credentials (EX_UNAVAILABLE); the kubelet starts the container again."""

PATIENCE_SECONDS = 20.0
"""How long a Vault that is sealed, starting or busy is asked again, before the kubelet's own, slower repeats take over."""

_NAMES = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "session_token": "AWS_SESSION_TOKEN"}


@contextmanager
def borrowed() -> Generator[None]:
    """Within it the environment holds credentials. Where no Vault is named nothing is borrowed: the pod has an identity of its own."""
    if not os.environ.get(ADDRESS):
        yield
        return
    role = os.environ.get(ROLE, "")
    path = Path(os.environ.get(TOKEN_FILE, "/var/run/secrets/vault/token"))
    try:
        jwt = path.read_text(encoding="ascii")
    except OSError:
        _give_up(f"{path} cannot be read: the pod was given no identity for Vault")
    token = cast("dict[str, str]", _ask("POST", "auth/kubernetes/login", {"role": role, "jwt": jwt})["auth"])["client_token"]
    try:
        lent = cast("dict[str, str]", _ask("GET", f"aws/sts/{role}", token=token)["data"])
        os.environ.update({variable: lent[key] for key, variable in _NAMES.items()})
        yield
    finally:
        for variable in _NAMES.values():
            os.environ.pop(variable, None)
        _give_back(token)


def _ask(method: str, path: str, body: dict[str, str] | None = None, token: str = "") -> dict[str, object]:
    """Asks until Vault has answered; ends the program when it refuses or stays away."""
    until = time.monotonic() + PATIENCE_SECONDS
    pause = 0.2
    while True:
        try:
            return _ask_once(method, path, body, token)
        except urllib.error.HTTPError as refused:
            if refused.code < 500:
                _give_up(f"Vault refuses {path} for {os.environ.get(ROLE, '')}: {_words(refused)}")
            why = _words(refused)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = str(error)
        if time.monotonic() + pause > until:
            _give_up(f"Vault does not answer {path}: {why}")
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def _ask_once(method: str, path: str, body: dict[str, str] | None, token: str) -> dict[str, object]:
    headers = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{os.environ[ADDRESS]}/v1/{path}", data=data, headers=headers, method=method)  # noqa: S310 - the platform's word
    authority = os.environ.get(AUTHORITY)
    trust = ssl.create_default_context(cadata=authority) if authority else None
    with urllib.request.urlopen(request, timeout=10, context=trust) as answer:  # noqa: S310 - as above
        text = answer.read()
    return cast("dict[str, object]", json.loads(text)) if text else {}


def _give_back(token: str) -> None:
    """The token would end by itself in minutes; that nobody took it back is no reason not to serve."""
    try:
        _ask_once("POST", "auth/token/revoke-self", {}, token)
    except (OSError, http.client.HTTPException, ValueError) as error:
        sys.stderr.write(f"Vault did not take its token back: {error}\n")


def _words(refused: urllib.error.HTTPError) -> str:
    try:
        return "; ".join(json.loads(refused.read())["errors"]) or str(refused.code)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return str(refused.code)


def _give_up(why: str) -> NoReturn:
    sys.stderr.write(f"No credentials: {why}\n")
    sys.exit(UNAVAILABLE)
