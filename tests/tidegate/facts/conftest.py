"""One profile for every property test: the same examples on every machine, none remembered, none timed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "tidegate",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],  # a tenant is a large example, and that is fine
)
settings.load_profile("tidegate")
