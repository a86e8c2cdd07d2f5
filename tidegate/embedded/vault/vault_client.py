"""Vault's API through hvac, with what goes wrong in our own words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import hvac
import hvac.exceptions
import requests

from tidegate.errors import MachineError

Answer = dict[str, Any]
"""Vault's JSON, as deep as it is; who asks knows what is in it."""

_T = TypeVar("_T")

TIMEOUT_SECONDS = 120
"""For one answer. The first question for the wrapping key makes an RSA key of 4,096 bits, for which a busy machine took more than 30 s."""


class Vault:
    """One Vault, and the token that we have there. Every call raises `MachineError` with Vault's words when it is refused."""

    def __init__(self, address: str, *, token: str = "", authority: str | None = None, certificate: tuple[str, str] | None = None) -> None:
        """`authority` is a file (None: the system's), `certificate` a pair of files for a proxy on the way that asks for one."""
        verify = authority if authority is not None else True
        session = requests.Session()
        session.trust_env = False  # neither a proxy nor another authority of the user: it is reached over loopback
        session.verify, session.cert = verify, certificate  # hvac takes them from a session that it is given
        client = hvac.Client(url=address, token=token or "", verify=verify, cert=certificate, timeout=TIMEOUT_SECONDS, session=session)
        self._hvac = cast("Any", client)

    @property
    def token(self) -> str:
        """The token; empty before a login."""
        return cast("str", self._hvac.token or "")

    @token.setter
    def token(self, token: str) -> None:
        self._hvac.token = token

    def read(self, path: str) -> Answer | None:
        """`data` of what is at `path`, None when nothing is."""
        answer = self._ask(path, lambda: self._hvac.read(path))
        return None if answer is None else cast("Answer", answer["data"])

    def write(self, path: str, data: Mapping[str, object]) -> Answer:
        """Writes, and returns `data` of the answer, which most paths have none of."""
        answer = self._ask(path, lambda: self._hvac.write_data(path, data=dict(data)))
        return cast("Answer", answer.get("data") or {}) if isinstance(answer, dict) else {}  # pyright: ignore[reportUnknownMemberType]

    def delete(self, path: str) -> None:
        """Deletes what is at `path`."""
        self._ask(path, lambda: self._hvac.delete(path))

    def names(self, folder: str) -> list[str]:
        """What is listed at `folder`; nothing when there is no such thing."""

        def look() -> Answer | None:
            # hvac's own way is the method LIST, which an API server's proxy does not let through.
            try:
                return cast("Answer", self._hvac.adapter.get(f"/v1/{folder}", params={"list": "true"}))
            except hvac.exceptions.InvalidPath:
                return None

        answer = self._ask(folder, look)
        return [] if answer is None else cast("list[str]", answer["data"]["keys"])

    def is_initialized(self) -> bool:
        """Whether it holds anything, which is also known while it is sealed."""
        return cast("bool", self._ask("sys/init", self._hvac.sys.is_initialized))

    def is_sealed(self) -> bool:
        """Whether it answers nothing but this."""
        return cast("bool", self._ask("sys/seal-status", self._hvac.sys.is_sealed))

    def initialize(self) -> tuple[str, str]:
        """The recovery key and the first token; they are shown this once."""
        # hvac has defaults for shares of a key that people hold, which a Vault that unseals itself refuses.
        asked = {"recovery_shares": 1, "recovery_threshold": 1}
        answer = self._ask("sys/init", lambda: self._hvac.adapter.put("/v1/sys/init", json=asked))
        made = cast("Answer", answer if isinstance(answer, dict) else json.loads(answer.text))
        return cast("str", made["recovery_keys_base64"][0]), cast("str", made["root_token"])

    def log_in(self, role: str, jwt: str) -> None:
        """Exchanges a ServiceAccount's token for one of Vault's, which is used from then on."""
        self._ask(f"auth/kubernetes/login as {role}", lambda: self._hvac.auth.kubernetes.login(role=role, jwt=jwt))

    def revoke_own_token(self) -> None:
        """Gives the token back, and with it all that was lent on it."""
        self._ask("auth/token/revoke-self", self._hvac.auth.token.revoke_self)
        self.token = ""

    def _ask(self, what: str, question: Callable[[], _T]) -> _T:
        try:
            return question()
        except hvac.exceptions.VaultError as error:
            words = "; ".join(cast("list[str]", cast("Any", error).errors or [])) or type(error).__name__
            raise MachineError(f"Vault refuses {what}: {words}") from error
        except requests.RequestException as error:
            raise MachineError(f"Vault does not answer ({what}): {error}") from error
