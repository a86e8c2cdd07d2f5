"""Revisions that Knative has given up on: each was not up before its progress deadline, and no pod of it is made again.

No request can wake such a revision, because its Knative Service has no route to it, and KServe sees nothing to change. Deleted, it is
made anew under the same name, since the Configuration lacks a revision of its generation (knative.dev/serving v0.48.1,
pkg/reconciler/configuration).
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.live.observed_pods import Pod
from tidegate.live.observed_routes import Revision

_ENDED = frozenset({"TimedOut", "NoTraffic"})
"""Why an autoscaler that has given up calls itself inactive: at first the one, at its next look the other."""


def is_given_up(revision: Revision, latest_ready: str, pods: Iterable[Pod]) -> bool:
    """Whether Knative tries `revision` no more. `latest_ready` is the one of its Knative Service that was ready last."""
    active = revision.status.find("Active")
    return (
        revision.metadata.name != latest_ready
        and not revision.is_leaving
        and revision.status.find("Ready").status == "False"
        and active.status == "False"
        and active.reason in _ENDED
        and not any(pod.revision == revision.metadata.name and not pod.is_leaving for pod in pods)
    )


def delete_arguments(revision: str, namespace: str) -> list[str]:
    """What kubectl does about it. With its Deployment first, which the next one of the same name could not take over."""
    return ["delete", "revisions.serving.knative.dev", revision, f"--namespace={namespace}", "--cascade=foreground"]


def delete_command(revision: str, namespace: str) -> str:
    """The same for a person."""
    return f"kubectl {' '.join(delete_arguments(revision, namespace))}"


def given_up_text(revision: str, said: str) -> str:
    """What became of it, in one sentence."""
    return f"Knative gave up on revision {revision} at its progress deadline and tries it no more: {said}"
