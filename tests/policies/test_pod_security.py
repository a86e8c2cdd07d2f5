"""Upstream's own examples of restricted Pod Security, read from the pinned module, sent to a tenant's namespace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import yaml_rs

from clusters.components.serving import images
from tests.admission_server import ApiServer
from tests.policies.cases import groups
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import module_folder

pytestmark = pytest.mark.apiserver

TENANT_NAMESPACE = "tenant-credit"
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"

REFUSED_EARLIER: Mapping[str, str] = dict.fromkeys(("procmount0", "procmount1"), "`hostUsers` must be false to use `Unmasked`")
"""What is no valid pod any more, by the part of the API server's message that says so: no admission is asked."""

REFUSED_BY_US: Mapping[str, str] = {}
"""What upstream calls good and we do not, by file, once the pod has a tenant's image and priority: our message."""


def fixtures(verdict: str, tree: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Upstream's pods for the version that tenants' namespaces are pinned to."""
    version = tree["tenants/credit/namespace-tenant-credit"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce-version"]
    folder = module_folder(Checkout(ROOT), "kubernetes", "k8s.io/pod-security-admission") / "test/testdata/restricted" / version / verdict
    found = {path.stem: _in_tenant_namespace(path) for path in sorted(folder.glob("*.yaml"))}
    assert len(found) >= 20, f"{folder} holds {len(found)} pods"
    return found


def _in_tenant_namespace(path: Path) -> dict[str, Any]:
    pod = cast("dict[str, Any]", yaml_rs.loads(path.read_text(encoding="utf-8"), parse_datetime=False))
    # Upstream names its pods by file; the API server takes no underscore.
    pod["metadata"].update(namespace=TENANT_NAMESPACE, name=pod["metadata"]["name"].replace("_", "-"))
    return pod


def as_a_tenants(pod: dict[str, Any]) -> dict[str, Any]:
    """The same pod with what every pod of a tenant has and an example has not: an image of ours and its tier's priority."""
    spec = pod["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        container["image"] = images.PAUSE
    spec["priorityClassName"] = "tidegate-regulated"
    return pod


def test_what_upstream_calls_bad_is_refused(api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    wrong: dict[str, str] = {}
    for name, pod in fixtures("fail", tree).items():
        message = api.create(pod, dry_run=True, user=CONTROLLER, groups=groups(CONTROLLER)).message
        if REFUSED_EARLIER.get(name, 'violates PodSecurity "restricted:') not in message:
            wrong[name] = message
    assert wrong == {}


def test_bad_ones_are_refused_without_pod_security_too_where_they_reach_the_node(
    api: ApiServer, tree: Mapping[str, dict[str, Any]]
) -> None:
    reaching = ("hostnamespaces", "hostpathvolumes", "hostports", "privileged")
    pods = {name: pod for name, pod in fixtures("fail", tree).items() if name.startswith(reaching)}
    assert pods
    for name, pod in pods.items():
        as_a_tenants(pod)["metadata"]["namespace"] = "tenant-unfenced"
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            container["resources"] = {kind: {"cpu": "1", "memory": "1Gi"} for kind in ("requests", "limits")}
        answer = api.create(pod, dry_run=True, user=CONTROLLER, groups=groups(CONTROLLER))
        assert "denied request: forbid-host-access: " in answer.message, f"{name}: {answer.message}"


def test_what_upstream_calls_good_is_admitted_unless_our_rules_refuse_it(api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    refused: dict[str, str] = {}
    for name, pod in fixtures("pass", tree).items():
        answer = api.create(as_a_tenants(pod), dry_run=True, user=CONTROLLER, groups=groups(CONTROLLER))
        if answer.code != 201:
            refused[name] = answer.message.partition("denied request: ")[2] or answer.message
    assert refused == REFUSED_BY_US


@pytest.mark.parametrize("verdict", ["pass"])
def test_examples_as_they_are_fail_our_rules_only(verdict: str, api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    for name, pod in fixtures(verdict, tree).items():
        answer = api.create(pod, dry_run=True, user=CONTROLLER, groups=groups(CONTROLLER))
        told = [line.partition("-told': ")[2] for line in answer.warnings]
        refusal = "require-approved-images: an image is not from registry.example.com, the approved registry; mirror it there"
        assert refusal in told, f"{name}: {answer.message}"
