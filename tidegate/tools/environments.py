"""The environment that programs are started with: the user's, but for what would lead them astray."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tidegate.errors import HostError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY")
PROXIES = (*_PROXIES, *(name.lower() for name in _PROXIES))
"""The variables that say how the world is reached."""


def child_environment(added: Mapping[str, str] | None = None, without: Sequence[str] = ()) -> dict[str, str]:
    """Our own variables, except those that begin with one of `without`, and `added`.

    HOME is filled in where it is not set: Go, npm and Git refuse to work without. Loopback never goes through a proxy.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tuple(without))}
    if not Path(kept.get("HOME", "")).is_absolute():
        with suppress(HostError):  # who needs it says so
            kept["HOME"] = str(home_folder())
    kept |= dict.fromkeys(_DIRECT, _reached_directly([kept.get(name, "") for name in _DIRECT]))
    return {**kept, **(added or {})}


_DIRECT = ("NO_PROXY", "no_proxy")
"""Programs read either first (Go the one, curl the other), so both say the same."""


def _reached_directly(told: Sequence[str]) -> str:
    """What both variables say together, and loopback. `*`, which is everything, stands alone: Python and curl know it in no list."""
    hosts = [host.strip() for value in told for host in value.split(",")]
    return "*" if "*" in hosts else ",".join(dict.fromkeys([*filter(None, hosts), *_LOOPBACK]))


def home_folder() -> Path:
    """HOME, else the one that the system knows for this user. Raises `HostError` when there is none."""
    named = os.environ.get("HOME", "")
    if Path(named).is_absolute():
        return Path(named)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a container's user without an entry
        raise HostError(f"HOME = {named or '(not set)'}: no absolute path, and user {os.getuid()} has no home folder; set HOME") from None
