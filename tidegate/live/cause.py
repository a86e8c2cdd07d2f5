"""Why a served model is not as it must be, in one sentence, and the one step that repairs it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason and what to do about it. `may_pass` when waiting alone may help."""

    text: str
    next_step: str
    may_pass: bool = False

    def during_canary(self, newest: str, serving: str) -> Cause:
        """The same, when it keeps a new revision from taking over from an older one."""
        return replace(self, text=f"canary {newest} is not ready, {serving} keeps serving: {self.text}")
