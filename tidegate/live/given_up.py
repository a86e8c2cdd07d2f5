"""Revisions that Knative has given up on: each was not up before its progress deadline, and no pod of it is made again.

No request can wake such a revision, because its Knative Service has no route to it, and KServe sees nothing to change. Deleted, it is
made again under the same name, since the Configuration lacks a revision of its generation (knative.dev/serving,
pkg/reconciler/configuration).
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.live.cause import Cause
from tidegate.live.log_lines import one_line
from tidegate.live.observed_pods import Pod
from tidegate.live.observed_routes import Revision
from tidegate.live.refusals import Refused, refusal

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


def given_up_cause(refused: Refused, revision: Revision) -> Cause:
    """What became of such a revision, why, and the command that repairs it once the reason is gone."""
    name, said = revision.metadata.name, one_line(revision.status.find("Ready").message)
    by_rule = refusal(refused, said)
    command = f"`kubectl {' '.join(delete_arguments(name, refused.tenant.namespace_name))}`, and Knative makes it again"
    return Cause(
        f"Knative gave up on revision {name} at its progress deadline and tries it no more: {by_rule.text if by_rule else said}",
        f"{by_rule.next_step}; when that is applied, {command}" if by_rule else command,
    )
