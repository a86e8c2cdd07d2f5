"""What a change may be about, which facts are about it, and which gates it needs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tidegate.gates.names import (
    BUDGET,
    DYNAMIC,
    FIT,
    GOLDEN_SET,
    ISOLATION,
    LOAD,
    ORDER,
    POLICY,
    QUOTA,
    SCALE,
    SIGNATURE,
    STATIC,
    SURGE,
)


class Kind(StrEnum):
    """What a change is about."""

    ADDED = "added"
    REMOVED = "removed"
    VERSION = "version"
    """Other bytes are served."""
    SERVER = "server"
    """The same bytes are served by something else, or with other means."""
    SCALING = "scaling"
    OBJECTIVES = "objectives"
    GOLDEN_SET = "golden set"
    ROLLOUT = "rollout"
    TIER = "tier"
    PLACEMENT = "placement"
    LIMITS = "limits"
    CALLERS = "callers"
    QUOTA = "quota"
    BUDGET = "budget"
    PROSE = "prose"
    """What people read: owners, comments, the order of keys."""
    CATALOGUE = "catalogue"
    RENDERED = "rendered objects"
    """Objects are others although the facts are the same."""
    CLUSTER = "cluster"
    PRICES = "prices"
    EMBEDDED_PROFILE = "embedded profile"
    """By what a model is judged on the embedded region."""
    PLATFORM = "platform"
    """The program itself, or what every model runs on."""


OF_TENANT: Mapping[str, Kind | None] = {
    "name": None,  # another name is another tenant
    "models": None,  # compared one by one
    "tier": Kind.TIER,
    "owners": Kind.PROSE,
    "github_team": Kind.PROSE,
    "log_retention_days": Kind.PROSE,
    "clusters": Kind.PLACEMENT,
    "namespace": Kind.PLACEMENT,
    "host": Kind.CALLERS,
    "callers": Kind.CALLERS,
    "cors_origins": Kind.CALLERS,
    "requests_per_second": Kind.LIMITS,
    "in_flight_per_model": Kind.LIMITS,
    "quota": Kind.QUOTA,
    "budget_usd_per_month": Kind.BUDGET,
}
"""Every field of a tenant."""

OF_MODEL: Mapping[str, Kind] = {
    "artefact": Kind.VERSION,
    "artefact_by_stage": Kind.VERSION,
    "runtime": Kind.SERVER,
    "resources": Kind.SERVER,
    "accelerator": Kind.SERVER,
    "also_on_cpu": Kind.SERVER,
    "capacity": Kind.SERVER,
    "transformer": Kind.SERVER,
    "explainer": Kind.SERVER,
    "dense_pool": Kind.SERVER,
    "scaling": Kind.SCALING,
    "max_body_mib": Kind.OBJECTIVES,
    "slo": Kind.OBJECTIVES,
    "load_profile": Kind.OBJECTIVES,
    "golden_set": Kind.GOLDEN_SET,
    "rollout": Kind.ROLLOUT,
    "approval": Kind.ROLLOUT,
    "cold_start": Kind.ROLLOUT,
}
"""Every field of a served model."""

_ROOM = (QUOTA, SURGE, FIT, BUDGET)

GATES: Mapping[Kind, tuple[str, ...]] = {
    Kind.ADDED: ORDER,
    Kind.REMOVED: (POLICY, ISOLATION, QUOTA, BUDGET),
    Kind.VERSION: ORDER,
    Kind.SERVER: ORDER,
    Kind.SCALING: (POLICY, *_ROOM, LOAD, SCALE),
    Kind.OBJECTIVES: (POLICY, LOAD, SCALE),
    Kind.GOLDEN_SET: (POLICY, GOLDEN_SET),
    Kind.ROLLOUT: (POLICY,),
    Kind.TIER: (POLICY, ISOLATION, *_ROOM),
    Kind.PLACEMENT: (POLICY, ISOLATION, *_ROOM, SIGNATURE),
    Kind.LIMITS: (POLICY, ISOLATION, LOAD),
    Kind.CALLERS: (POLICY, ISOLATION),
    Kind.QUOTA: (POLICY, QUOTA, SURGE),
    Kind.BUDGET: (POLICY, BUDGET),
    Kind.PROSE: (POLICY,),
    Kind.CATALOGUE: (POLICY, SIGNATURE),
    Kind.RENDERED: (*STATIC, GOLDEN_SET, LOAD),
    Kind.CLUSTER: (POLICY, ISOLATION, *_ROOM),
    Kind.PRICES: (POLICY, BUDGET),
    Kind.EMBEDDED_PROFILE: (POLICY, LOAD, SCALE),
    Kind.PLATFORM: (*STATIC, *DYNAMIC),
}
"""What each kind needs, the dynamic gates for each model that it is about; `picking` leaves out what a model has no use for."""
