"""Facts of a tenant's file that are checked when they are read, and that nothing else uses yet.

Each is listed with what will use it; `tidegate model explain` says so, and tests/leaves holds that the list is complete and that
nothing on it changes anything.
"""

from __future__ import annotations

_RELEASES = "the release controller"
_SLO = "alerts and the release controller"

RECORDED = {
    "owners[]": "alerts",
    "log_retention_days": "a store for the logs of pods",
    "models.*.rollout.steps_percent[]": _RELEASES,
    "models.*.rollout.step_seconds": _RELEASES,
    "models.*.rollout.minimum_requests": _RELEASES,
    "models.*.approval.system": _RELEASES,
    "models.*.approval.approver_group": _RELEASES,
    "models.*.approval.approvers_required": _RELEASES,
    "models.*.approval.window_hours": _RELEASES,
}
"""By dotted path, with `*` for any key of a mapping and `[]` for the entries of a list: what will use the fact."""

NOT_ENFORCED = "recorded, not enforced yet"

STRATEGIES = {
    "canary": f"{NOT_ENFORCED}: a version takes all traffic when it is ready",
    "blue-green": f"{NOT_ENFORCED}: a version takes all traffic when it is ready",
    "shadow": f"{NOT_ENFORCED}: nothing is mirrored, and traffic is treated as with pinned; its pods give way as batch work does",
}
"""What `rollout.strategy` does to traffic today, by its value."""


_OF_GATE = "`tidegate gate load` judges by it"
_PARTLY = {
    "models.*.slo.p99_ms": f"above 150 s it decides the timeout of requests, and {_OF_GATE}; otherwise {NOT_ENFORCED}: waits for {_SLO}",
    **dict.fromkeys(
        ("models.*.slo.availability", "models.*.slo.time_to_first_token_ms"), f"{_OF_GATE}; otherwise {NOT_ENFORCED}: waits for {_SLO}"
    ),
}
"""What decides less than its name promises."""


def note_on(path: str, value: object) -> str:
    """What to say of the field at `path` (`models.*.slo.p99_ms`) when nothing uses it yet; empty when something does."""
    if path == "models.*.rollout.strategy":
        return STRATEGIES.get(str(value), "")
    if path in _PARTLY:
        return _PARTLY[path]
    for recorded in (path, f"{path}[]"):
        if recorded in RECORDED:
            return f"{NOT_ENFORCED}: waits for {RECORDED[recorded]}"
    return ""
