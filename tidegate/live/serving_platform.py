"""What serves models is made of pods, too: one of Knative or KServe that is not ready explains what a model's own objects do not."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.facts import names
from tidegate.live.cause import Cause
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import look
from tidegate.live.observed_pods import Pod

_NAMESPACES = (names.NAMESPACE_KNATIVE, names.NAMESPACE_KSERVE)


def unready_cause(cluster: Kubernetes) -> Cause | None:
    """The pod that is not ready, the one first that was started again most often; None when all are."""
    found = sorted(_unready(cluster), key=lambda pod: (-_restarts(pod), pod.metadata.name))
    if not found:
        return None
    pod, times = found[0], _restarts(found[0])
    again = f", and was started again {times} times" if times > 1 else ", and was started again" if times else ""
    where, name = pod.metadata.namespace, pod.metadata.name
    others = f"; nor {'are' if len(found) > 2 else 'is'} {', '.join(one.metadata.name for one in found[1:])}" if found[1:] else ""
    text = f"pod {name} of {where}, through which models are served, is not ready{again}{others}"
    return Cause(text, f"kubectl -n {where} describe pod {name}; kubectl -n {where} logs {name} --all-containers", may_pass=True)


def _unready(cluster: Kubernetes) -> Iterator[Pod]:
    for namespace in _NAMESPACES:
        for pod in look(cluster, [Pod], f"--namespace={namespace}").of(Pod):
            if not (pod.is_ready or pod.is_leaving or pod.status.phase in {"Succeeded", "Failed"}):
                yield pod


def _restarts(pod: Pod) -> int:
    return sum(container.restart_count for container in pod.status.containers)
