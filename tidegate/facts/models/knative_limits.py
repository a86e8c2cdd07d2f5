"""What Knative Serving takes of a served model; beyond it a service is refused after the merge, or cut off while it answers.

Knative's webhook judges the Knative Service that KServe makes, so no dry run of an InferenceService meets these limits. They are
those of knative.dev/serving; `tests/clusters/upstream` puts every extreme of our facts before that code.
"""

from __future__ import annotations

import math

IDLE_SECONDS_MAX = 3600
"""The longest `scale-to-zero-pod-retention-period`: `WindowMax` of pkg/apis/autoscaling/register.go."""

TIMEOUT_SECONDS_DEFAULT = 300
"""When a request without a timeout of its own is cut off: `DefaultRevisionTimeoutSeconds` of pkg/apis/config/defaults.go."""

TIMEOUT_SECONDS_MAX = 600
"""The longest timeout: `DefaultMaxRevisionTimeoutSeconds`."""

TARGET_UTILIZATION = 0.7
"""How much of a target the autoscaler really aims at: `defaultTargetUtilization` of pkg/autoscaler/config/config.go."""

P99_MS_MAX = 1000 * TIMEOUT_SECONDS_MAX // 2
"""One answer of a hundred is slower than the p99, so a request is given twice that time, within the longest timeout."""


def timeout_seconds(p99_ms: float) -> int:
    """How long a request of a model with this objective may take: twice the objective, and never less than Knative's default."""
    return max(TIMEOUT_SECONDS_DEFAULT, math.ceil(2 * p99_ms / 1000))
