"""The attackers' pods: two in each tenant's namespace, as a tenant itself could make them, and gone when the attack is over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tidegate.attack.cells import Call, Mode, Outcome
from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.facts.tenant import Tenant, Tier
from tidegate.live.kubernetes import Kubernetes
from tidegate.manifests.yaml_text import Manifest

LIFETIME_SECONDS = 1800
"""After this Kubernetes ends a pod whose attack was killed."""

PATIENCE_SECONDS = 240
"""For ten pods, five of them with a sidecar, to start on two busy cores."""

_CERTIFICATES = "/attack/certificates"
_PROXY_USER = 1337
"""Istio lets this user's traffic past the sidecar, and Pod Security has nothing against it."""


def start(cluster: Kubernetes, tenants: Sequence[Tenant], image: str) -> dict[tuple[str, Mode], str]:
    """Makes the pods and waits for them. Returns why the API server refused a tenant's pod of a mode, where it did.

    Raises `ToolError` when a pod does not become ready.
    """
    refused: dict[tuple[str, Mode], str] = {}
    for tenant in tenants:
        for manifest, modes in _manifests(tenant, image):
            try:
                cluster.apply([manifest])
            except ToolError as error:
                if "denied the request" not in error.stderr and "Forbidden" not in error.stderr and "forbidden" not in error.stderr:
                    raise
                for mode in modes:
                    refused[tenant.name, mode] = error.stderr.strip()[-300:]
    for tenant in tenants:
        if {mode for name, mode in refused if name == tenant.name} >= {"meshed", "outside"}:
            continue
        where = [
            f"--namespace={tenant.namespace_name}",
            f"--selector={names.LABEL_ATTACK}",
            "--for=condition=Ready",
            f"--timeout={PATIENCE_SECONDS}s",
        ]
        cluster.run("wait", "pods", *where, timeout_seconds=PATIENCE_SECONDS + 20)
    return refused


def send(cluster: Kubernetes, tenant: Tenant, mode: Mode, calls: Sequence[Call]) -> dict[str, Outcome]:
    """Sends the calls from a tenant's pod; one outcome for each, by its id."""
    program = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
    asked = json.dumps({"certificates": _CERTIFICATES, "calls": [call.model_dump() for call in calls]})
    where = [f"--namespace={tenant.namespace_name}", name_of(mode), f"--container={mode}", "--stdin"]
    printed = cluster.run("exec", *where, "--", "/usr/bin/python3", "-c", program, stdin=asked, timeout_seconds=600)
    outcomes = [Outcome.model_validate_json(line) for line in printed.splitlines()]
    return {outcome.id: outcome for outcome in outcomes}


def name_of(mode: Mode) -> str:
    """The pod of a mode; two modes are containers of one pod."""
    return "attacker-outside" if mode == "outside" else "attacker-inside"


def remove(cluster: Kubernetes) -> None:
    """Takes every attacker away, those of an earlier run too, and waits until they are gone."""
    options = [f"--selector={names.LABEL_ATTACK}", "--all-namespaces", "--grace-period=0", "--ignore-not-found", "--timeout=60s"]
    cluster.run("delete", "pods", *options, timeout_seconds=90)


def left_over(cluster: Kubernetes) -> list[str]:
    """Attackers that are there now."""
    return cluster.run("get", "pods", f"--selector={names.LABEL_ATTACK}", "--all-namespaces", "--output=name").split()


def _manifests(tenant: Tenant, image: str) -> tuple[tuple[Manifest, tuple[Mode, ...]], ...]:
    return (_inside(tenant, image), ("meshed", "certificate")), (outside(tenant, image), ("outside",))


def _inside(tenant: Tenant, image: str) -> Manifest:
    annotations = {
        "proxy.istio.io/config": json.dumps({"proxyMetadata": {"OUTPUT_CERTS": _CERTIFICATES}}),
        "sidecar.istio.io/userVolumeMount": json.dumps([{"name": "certificates", "mountPath": _CERTIFICATES}]),
    }
    containers = [_container("meshed", image, 1000), _container("certificate", image, _PROXY_USER)]
    return _pod(tenant, name_of("meshed"), {}, annotations, containers)


def outside(tenant: Tenant, image: str) -> Manifest:
    """The pod that is in no mesh; it runs whatever image is given as a tenant's pods do."""
    return _pod(tenant, name_of("outside"), {"sidecar.istio.io/inject": "false"}, {}, [_container("outside", image, 1000)])


def _pod(tenant: Tenant, name: str, labels: dict[str, str], annotations: dict[str, str], containers: list[dict[str, object]]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": tenant.namespace_name, "labels": {names.LABEL_ATTACK: "attacker", **labels}, "annotations": annotations,
        },
        "spec": {
            "activeDeadlineSeconds": LIFETIME_SECONDS,
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            "priorityClassName": names.priority_class(Tier.BATCH),  # open to every tenant; it gives way
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "certificates", "emptyDir": {"sizeLimit": "1Mi"}}],
            "containers": containers,
        },
    }  # fmt: skip


def _container(name: str, image: str, user: int) -> dict[str, object]:
    return {
        "name": name,
        "image": image,
        "command": ["/usr/bin/python3", "-c", f"import time; time.sleep({LIFETIME_SECONDS})"],
        "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}, "limits": {"cpu": "500m", "memory": "96Mi"}},
        "securityContext": {"runAsUser": user, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "certificates", "mountPath": _CERTIFICATES, "readOnly": name != "certificate"}],
    }
