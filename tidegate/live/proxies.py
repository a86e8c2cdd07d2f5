"""Which configuration the mesh's proxies refuse. Nothing else shows it: the one before serves on, and Argo CD calls the new one synced.

The control plane keeps the words of each proxy's last refusal until that proxy takes a newer configuration. It tells them to callers
on its own loopback only, so they are read by a program inside its container, once for each replica.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from pydantic import Field, TypeAdapter, ValidationError

from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.live.causes import Cause
from tidegate.live.diagnosis import Step
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.log_lines import one_line
from tidegate.live.observed import ReadPart
from tidegate.live.observed_pods import Pod

CONTROL_PLANE = "istiod"
"""Its Deployment, and the value of its pods' label `app`."""

_ASK = ("/usr/local/bin/pilot-discovery", "request", "GET", "/debug/syncz")
_PATIENCE_SECONDS = 20
_KINDS = {"Listener": "listeners", "Cluster": "clusters", "RouteConfiguration": "routes", "ClusterLoadAssignment": "endpoints"}
"""What a proxy gets, by the last part of its type's name in Envoy's interface."""

_FILTERS = "envoyfilters.networking.istio.io"


@dataclass(frozen=True, slots=True)
class Rejection:
    """The newest configuration of one kind, which a proxy has refused."""

    proxy: str
    """`<pod>.<namespace>`"""
    kind: str
    """Listeners, clusters, routes or endpoints."""
    reason: str
    """The proxy's own words."""

    @property
    def pod(self) -> str:
        """The proxy's pod."""
        return self.proxy.partition(".")[0]

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return self.proxy.partition(".")[2]

    @property
    def text(self) -> str:
        """What it means, in one sentence."""
        return f"proxy {self.proxy} refuses its newest {self.kind}; it serves on with those before, and one that starts has none: {self.reason}"


@dataclass(frozen=True, slots=True)
class ProxyReport:
    """What all proxies of a region say of their configuration."""

    rejected: tuple[Rejection, ...] = ()
    changed_last: str = ""
    """The EnvoyFilter that was changed last, and when: the first suspect of a refusal. Looked up only when there is one."""
    unknown: str = ""
    """Why nobody could be asked; then `rejected` means nothing."""

    @property
    def remedy(self) -> str:
        """What to do about a refusal."""
        suspect = f"; EnvoyFilter {self.changed_last}" if self.changed_last else ""
        return f"undo or correct the last commit below gitops/rendered that changed an EnvoyFilter, a route or a policy{suspect}"

    def about(self, pods: Collection[str]) -> ProxyReport:
        """The part that a model with those pods depends on: the gateways, and the sidecars of its own pods."""
        own = tuple(one for one in self.rejected if one.namespace == names.NAMESPACE_EDGE or one.pod in pods)
        return ProxyReport(own, self.changed_last, self.unknown)

    def told(self) -> tuple[list[Step], list[Cause]]:
        """For an explanation: an object on the way for each refusal, and what to know and to do about it."""
        steps = [Step(f"Proxy {one.proxy}", f"refuses {one.kind}", one.reason) for one in self.rejected]
        if self.unknown:
            steps.append(Step("Proxies", "unknown", self.unknown))
        return steps, [Cause(one.text, self.remedy) for one in self.rejected]


class _Resource(ReadPart):
    last_error: str = Field(default="", alias="lastError")


class _Proxy(ReadPart):
    proxy: str = ""
    resources: dict[str, _Resource] = Field(default_factory=dict[str, _Resource])


_ANSWER = TypeAdapter(list[_Proxy])


def read_proxies(cluster: Kubernetes) -> ProxyReport:
    """What the proxies of a region refuse now. Never raises: when nobody can be asked, it says so."""
    try:
        pods = cluster.read("pods", Pod, namespace=names.NAMESPACE_MESH, selector=f"app={CONTROL_PLANE}")
        asked = [pod.metadata.name for pod in pods if pod.is_ready and not pod.is_leaving]
        if not asked:
            return ProxyReport(unknown=f"no pod of {CONTROL_PLANE} is ready")
        with ThreadPoolExecutor(len(asked)) as threads:
            answers = list(threads.map(partial(_ask, cluster), asked))
        rejected = sorted({one for answer in answers for one in rejections_in(answer)}, key=lambda one: (one.proxy, one.kind))
        return ProxyReport(tuple(rejected), _changed_last(cluster) if rejected else "")
    except ToolError as error:
        return ProxyReport(unknown=f"{CONTROL_PLANE} cannot be asked: {one_line(error.stderr or str(error))}")
    except ValidationError:
        return ProxyReport(unknown=f"{CONTROL_PLANE} answers in another form than this program reads")


def rejections_in(answer: str) -> Iterator[Rejection]:
    """What is refused, from one replica's answer; raises `ValidationError` when that has another form."""
    for proxy in _ANSWER.validate_json(answer):
        for kind, resource in proxy.resources.items():
            if resource.last_error:
                short = kind.rpartition(".")[2]
                yield Rejection(proxy.proxy, _KINDS.get(short, short), one_line(resource.last_error))


def _ask(cluster: Kubernetes, pod: str) -> str:
    where = (pod, f"--namespace={names.NAMESPACE_MESH}", "--container=discovery", "--")
    return cluster.run("exec", *where, *_ASK, timeout_seconds=_PATIENCE_SECONDS)


def _changed_last(cluster: Kubernetes) -> str:
    """By the API server's record of who wrote which field, because an EnvoyFilter has no time of its own but that of its creation."""
    printed = cluster.run("get", _FILTERS, "--all-namespaces", "--show-managed-fields", "--output=json")
    times = dict(_times(cast("Sequence[dict[str, Any]]", json.loads(printed)["items"])))
    if not times:
        return ""
    newest = max(sorted(times), key=lambda name: times[name])
    return f"{newest} was changed last, at {times[newest]}"


def _times(items: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for item in items:
        metadata = item["metadata"]
        written = [str(one["time"]) for one in metadata.get("managedFields", ()) if one.get("time")]
        yield f"{metadata['namespace']}/{metadata['name']}", max(written, default=str(metadata.get("creationTimestamp", "")))
