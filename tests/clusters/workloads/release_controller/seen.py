"""What tests look for in a simulated region."""

from __future__ import annotations

from tests.clusters.workloads.release_controller.simulated_region import Region

EVENTS = "apis/events.k8s.io/v1/events"


def at_share(there: Region, percent: int) -> bool:
    return there.status.allowed_percent == percent and there.status.is_reached


def notes(there: Region, reason: str) -> list[str]:
    return [one["note"] for one in there.server.objects.get(EVENTS, {}).values() if one["reason"] == reason]
