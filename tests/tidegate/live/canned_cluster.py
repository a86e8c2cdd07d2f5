"""A cluster whose objects are given: answers as kubectl does, without one. Objects have the shape of a real region's."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.root import ROOT
from tidegate.errors import ToolError
from tidegate.facts import inventory, names
from tidegate.facts.platform import Platform
from tidegate.live.kubernetes import Kubernetes

Object = dict[str, Any]
NAMESPACE = "tenant-fraud"
PARTS = {
    "app.kubernetes.io/part-of": "fraud",
    "tidegate.dev/served-model": "scorer",
    names.KSERVE_LABEL_MODEL: "scorer",
    "component": "predictor",
}
FIRST, SECOND = "scorer-predictor-00001", "scorer-predictor-00002"

_RESOURCES = {
    "Node": "nodes", "Pod": "pods", "Event": "events", "Application": "applications.argoproj.io", "ReplicaSet": "replicasets.apps",
    "InferenceService": "inferenceservices.serving.kserve.io", "Service": "services.serving.knative.dev",
    "Revision": "revisions.serving.knative.dev", "HTTPRoute": "httproutes.gateway.networking.k8s.io",
    "Gateway": "gateways.gateway.networking.k8s.io", "EnvoyFilter": "envoyfilters.networking.istio.io",
    "PodAutoscaler": "podautoscalers.autoscaling.internal.knative.dev",
}  # fmt: skip
_RUNNING = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


@functools.cache
def platform() -> Platform:
    return inventory.load(ROOT)


class CannedCluster(Kubernetes):
    """Objects and logs (by `<pod>/<container>`, with ` --previous` appended for the attempt before); `proxies` is what istiod says of them."""

    def __init__(
        self, objects: Sequence[Object], logs: Mapping[str, str] | None = None, *, unknown: Sequence[str] = (), down: bool = False,
        proxies: str = "[]",
    ) -> None:  # fmt: skip
        super().__init__(Path("kubectl"), Path("kubeconfig"))
        state = {"objects": list(objects), "logs": dict(logs or {}), "unknown": set(unknown), "down": down, "proxies": proxies, "calls": []}
        object.__setattr__(self, "state", state)  # a frozen dataclass

    state: dict[str, Any]

    def run(self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60) -> str:
        del stdin, timeout_seconds
        self.state["calls"].append(arguments)
        if self.state["down"]:
            raise ToolError(
                "kubectl", 1, "The connection to the server 127.0.0.1:16440 was refused - did you specify the right host or port?"
            )
        if "--raw=/readyz" in arguments:
            return "ok"
        if "--selector=app=istiod" in arguments:
            return json.dumps({"items": [make("v1", "Pod", "istiod-1", "istio-system", status=_RUNNING)]})
        if arguments[0] == "exec":
            return str(self.state["proxies"])
        options = dict(_halves(one.removeprefix("--"), "=") for one in arguments if one.startswith("--"))
        plain = [one for one in arguments[1:] if not one.startswith("--")]
        if arguments[0] == "logs":
            key = f"{plain[0]}/{options['container']}" + (" --previous" if "previous" in options else "")
            if key not in self.state["logs"]:
                raise ToolError("kubectl", 1, f"previous terminated container {options['container']!r} in pod {plain[0]!r} not found")
            return self.state["logs"][key]
        return self._get(plain, options)

    def _get(self, plain: Sequence[str], options: Mapping[str, str]) -> str:
        wanted = [_halves(one, "/") for each in plain for one in each.split(",")]
        for resource, _ in wanted:
            if resource in self.state["unknown"]:
                raise ToolError("kubectl", 1, f'error: the server doesn\'t have a resource type "{resource.partition(".")[0]}"')
        found = [one for one in self.state["objects"] if _is_wanted(one, wanted, options)]
        if "ignore-not-found" in options and not found:
            return ""
        single = len(wanted) == 1 and wanted[0][1]
        return json.dumps(found[0] if single else {"apiVersion": "v1", "kind": "List", "items": found})


def _halves(text: str, sign: str) -> tuple[str, str]:
    before, _, after = text.partition(sign)
    return before, after


def _is_wanted(one: Object, wanted: Sequence[tuple[str, str]], options: Mapping[str, str]) -> bool:
    metadata = one["metadata"]
    if not any(_RESOURCES[one["kind"]] == resource and name in {"", metadata["name"]} for resource, name in wanted):
        return False
    if "namespace" in options and metadata.get("namespace", options["namespace"]) != options["namespace"]:
        return False
    key, _, value = options.get("selector", "").partition("=")
    if key and (key not in metadata.get("labels", {}) or value not in {"", metadata["labels"][key]}):
        return False
    asked = [part.partition("=") for part in options.get("field-selector", "").split(",")]
    about = {field.removeprefix("involvedObject."): value for field, _, value in asked if field.startswith("involvedObject.")}
    return all(one["involvedObject"].get(field) == value for field, value in about.items())


def condition(kind: str, status: bool | None, reason: str = "", message: str = "") -> Object:
    return {"type": kind, "status": {True: "True", False: "False", None: "Unknown"}[status], "reason": reason, "message": message}


def make(api: str, kind: str, name: str, namespace: str | None = NAMESPACE, **rest: Any) -> Object:
    metadata: Object = {"name": name, "labels": {}, **rest.pop("metadata", {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata | ({"namespace": namespace} if namespace else {}), **rest}


def node(name: str = "live-1-node-1", *, ready: bool = True, fake: bool = False) -> Object:
    annotations = {"annotations": {"kwok.x-k8s.io/node": "fake"}} if fake else {}
    conditions = [
        condition("Ready", ready, "KubeletReady", "kubelet is posting ready status" if ready else "Kubelet stopped posting node status.")
    ]
    return make("v1", "Node", name, None, metadata=annotations, status={"conditions": conditions})


def application(name: str = "tenant-fraud", *, sync: str = "Synced", health: str = "Healthy", **status: Any) -> Object:
    return make(
        "argoproj.io/v1alpha1", "Application", name, "argocd", status={"sync": {"status": sync}, "health": {"status": health}, **status}
    )


def inference_service(*, ready: bool | None = True, conditions: Sequence[Object] = (), **status: Any) -> Object:
    spec = {"predictor": {"model": {"runtime": "tidegate-mlserver-lightgbm", "storageUri": "s3://tidegate-live-1-models-1/fraud/scorer/1"}}}
    judged = [condition("Ready", ready, "" if ready else "Predictor ingress not created"), *conditions]
    return make(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        "scorer",
        spec=spec,
        metadata={"labels": PARTS},
        status={"conditions": judged, **status},
    )


def knative(*, newest: str = FIRST, serving: str | None = FIRST, routes: Object | None = None) -> Object:
    judged = [condition("Ready", serving is not None), routes or condition("RoutesReady", serving is not None or None)]
    status = {"conditions": judged, "latestCreatedRevisionName": newest, **({"latestReadyRevisionName": serving} if serving else {})}
    return make("serving.knative.dev/v1", "Service", "scorer-predictor", metadata={"labels": PARTS}, status=status)


def loads(version: str) -> Object:
    """The annotation by which KServe says what a revision and its pods load."""
    return {"internal.serving.kserve.io/storage-initializer-sourceuri": f"s3://tidegate-live-1-models-1/fraud/scorer/{version}"}


def revision(name: str = FIRST, *conditions: Object, version: str = "1") -> Object:
    return make(
        "serving.knative.dev/v1",
        "Revision",
        name,
        metadata={"labels": PARTS, "annotations": loads(version)},
        status={"conditions": list(conditions or [condition("Ready", True)])},
    )


GIVEN_UP = (
    condition("Ready", False, "ProgressDeadlineExceeded", "Initial scale was never achieved"),
    condition("Active", False, "TimedOut", "The target could not be activated."),
)
"""Of a revision that was not up before its deadline: Knative has taken its pods away and makes no others."""


def replica_set(message: str) -> Object:
    status = {"replicas": 0, "conditions": [condition("ReplicaFailure", True, "FailedCreate", message)]}
    return make("apps/v1", "ReplicaSet", f"{FIRST}-deployment-7bb9c94b57", metadata={"labels": PARTS}, status=status)


def autoscaler(
    name: str = FIRST, *, ceiling: int = 5, metric: str = "rps", target: int = 7, wanted: int | None = 1, ready: bool = True
) -> Object:
    written = {
        f"autoscaling.knative.dev/{key}": str(value) for key, value in (("max-scale", ceiling), ("metric", metric), ("target", target))
    }
    status: Object = {"conditions": [condition("Ready", ready)], **({"desiredScale": wanted} if wanted is not None else {})}
    metadata = {"labels": PARTS, "annotations": written}
    return make("autoscaling.internal.knative.dev/v1alpha1", "PodAutoscaler", name, metadata=metadata, status=status)


def pod(name: str = "scorer-1", of: str = FIRST, *, ready: bool = False, at: str = "live-1-node-1", **changes: Any) -> Object:
    status = {
        "phase": "Running",
        "conditions": [condition("PodScheduled", True), condition("Ready", ready)],
        "containerStatuses": [container(ready=ready), container("queue-proxy", ready=ready)],
        **changes.pop("status", {}),
    }
    labels = {**PARTS, "serving.knative.dev/revision": of}
    return make(
        "v1", "Pod", name, metadata={"labels": labels, **changes.pop("metadata", {})}, spec={"nodeName": at, **changes}, status=status
    )


def container(
    name: str = "kserve-container", *, ready: bool = False, restarts: int = 0, last: Object | None = None, **state: Any
) -> Object:
    now = state or {"running": {"startedAt": "2026-11-21T11:54:12Z"}}
    return {"name": name, "ready": ready, "restartCount": restarts, "state": now, "lastState": {"terminated": last} if last else {}}


def route(
    name: str = "fraud", *, path: str = "/scorer", accepted: bool = True, message: str = "Route was valid", tenant: str = "fraud"
) -> Object:
    judged = [
        condition("Accepted", accepted, "Accepted" if accepted else "NotAllowedByListeners", message),
        condition("ResolvedRefs", True),
    ]
    spec = {"hostnames": ["fraud.live-1.models.example.com"], "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": path}}]}]}
    labels = {"labels": {"tidegate.dev/component": "edge", names.LABEL_TENANT: tenant}}
    status = {"parents": [{"conditions": judged}]}
    return make("gateway.networking.k8s.io/v1", "HTTPRoute", name, "istio-ingress", spec=spec, status=status, metadata=labels)


def gateway(*, programmed: bool = True) -> Object:
    judged = [condition("Programmed", programmed, "", "" if programmed else "Failed to assign to any requested addresses")]
    return make("gateway.networking.k8s.io/v1", "Gateway", "edge", "istio-ingress", status={"conditions": judged})


def event(
    message: str, *, about: str = "scorer-1", kind: str = "Pod", field: str = "spec.containers{queue-proxy}",
    reason: str = "Unhealthy", at: str = "2026-11-21T11:56:00Z",
) -> Object:  # fmt: skip
    involved = {"kind": kind, "name": about, "fieldPath": field}
    return make("v1", "Event", f"{about}.{at}", involvedObject=involved, reason=reason, message=message, lastTimestamp=at)
