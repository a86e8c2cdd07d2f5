"""Where the stacks are going: the real AWS or the emulated one. Read from the environment once, by `main`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.errors import UsageError

ENDPOINT_VARIABLE = "TIDEGATE_AWS_ENDPOINT"
"""The emulated AWS, such as `http://127.0.0.1:5570`; absent for the real one."""

STATE_VARIABLE = "TIDEGATE_STATE"
"""`local` keeps the `state` stack's own state in a file, so that the bucket that would hold it can be destroyed."""


@dataclass(frozen=True, slots=True)
class Target:
    """The cloud the stacks are synthesised for."""

    endpoint: str | None = None
    """The emulator's address for every service; None means the real AWS and the full production tree."""
    state_is_local: bool = False
    """Whether the `state` stack keeps its state in a file; the other stacks never do."""

    @property
    def is_emulated(self) -> bool:
        """Whether what the emulator lacks is left out, and locked buckets may be emptied."""
        return self.endpoint is not None


def target_of(environment: Mapping[str, str]) -> Target:
    """The target that `environment` describes; raises `UsageError` for a value with no meaning."""
    endpoint = environment.get(ENDPOINT_VARIABLE) or None
    state = environment.get(STATE_VARIABLE, "")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise UsageError(f"{ENDPOINT_VARIABLE}={endpoint} is no address; write http://host:port")
    if state not in {"", "local"}:
        raise UsageError(f"{STATE_VARIABLE}={state} means nothing; use local or leave it unset")
    return Target(endpoint, state == "local")
