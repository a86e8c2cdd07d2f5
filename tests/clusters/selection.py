"""The type of the `select` fixture, in a module that tests can import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Select: TypeAlias = Callable[..., list[dict[str, Any]]]
