"""Reads the lock that MLServer's images are built from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tidegate.errors import Finding, InventoryError

LOCK = Path("locks/serving-mlserver.txt")

_PIN = re.compile(r"(?m)^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)")


@cache
def load_pins(root: Path) -> Mapping[str, str]:
    """The version of every package in the lock of the checkout at `root`, by name. Raises `InventoryError` when it names none."""
    try:
        pins = dict(_PIN.findall((root / LOCK).read_text(encoding="utf-8")))
    except OSError as error:
        raise InventoryError(
            [Finding(LOCK.as_posix(), "", "lock-missing", f"cannot be read: {error.strerror}", "restore it from Git")]
        ) from error
    if not pins:
        raise InventoryError([Finding(LOCK.as_posix(), "", "lock-empty", "names no package", "resolve it again with locks/update")])
    return pins
