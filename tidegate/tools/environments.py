"""The environment that programs are started with: the user's, but for what would lead them astray."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def child_environment(added: Mapping[str, str] | None = None, without: Sequence[str] = ()) -> dict[str, str]:
    """Our own variables, except those that begin with one of `without`, and `added`.

    HOME is filled in where it is not set: Go, npm and Git refuse to work without. Loopback never goes through a proxy.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tuple(without))}
    if not kept.get("HOME") and (home := _home()):
        kept["HOME"] = home
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(dict.fromkeys([*filter(None, kept.get(name, "").split(",")), *_LOOPBACK]))
    return {**kept, **(added or {})}


def _home() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a container's user that has no entry
        return ""
