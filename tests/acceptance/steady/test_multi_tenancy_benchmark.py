"""The checks of the Kubernetes multi-tenancy benchmark (MTB, 19 folders at its last commit of 2021), tried as a tenant.

A tenant here is its deploy account, the mightiest it has. Where that may not create the object at all, the platform engineer
tries too: the fence behind RBAC has to hold when a role is given by mistake. Nothing is stored: requests are dry runs. Each
refused object differs in one thing from one that is admitted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.access_review import Account, Api, Resource
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tests.judges.escapes import manifest
from tidegate.facts import names

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(asks=[])]

_DRY = "?dryRun=All&fieldValidation=Strict"
_RESTRICTED = 'violates PodSecurity "restricted:v'
_API_SERVER = "disallowed by cluster policy"
"""Of privileged containers the API server itself allows none (`--allow-privileged` is not given)."""


@dataclass(frozen=True)
class Tenancy:
    """A tenant, one beside it, and the API server of both."""

    api: Api
    account: Account
    neighbour: str
    image: str
    priority_class: str

    @property
    def home(self) -> str:
        return self.account.namespace

    def refusal(self, method: str, path: str, body: Any = None, *, as_tenant: bool = True, content_type: str = "application/json") -> str:
        """What the server says when it forbids something; fails when it does not."""
        account = self.account if as_tenant else None
        status, answer = self.api.request(method, path, body, user=account.user if account else "", content_type=content_type)
        who = self.account.user if as_tenant else "the platform engineer"
        assert status in {403, 422}, f"{method} {path} by {who} is answered with {status}: {answer}"
        return str(answer["message"])

    def forbids(self, verb: str, resource: Resource, namespace: str, method: str, name: str = "", *, body: Any = None) -> None:
        """RBAC refuses the tenant, and for that reason."""
        said = self.refusal(method, path_of(resource, namespace, name), body, content_type="application/merge-patch+json")
        assert f'User "{self.account.user}" cannot {verb} resource "{resource.name}"' in said
        assert ("at the cluster scope" if not namespace else f'in the namespace "{namespace}"') in said

    def pod(self, **changes: Any) -> dict[str, Any]:
        """A pod that is admitted; `changes` go into its specification, `container` and `context` into its container."""
        context = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}} | changes.pop("context", {})
        bounds = {"cpu": "50m", "memory": "64Mi"}
        container = {
            "name": "one", "image": self.image, "resources": {"requests": bounds, "limits": bounds},
            "securityContext": {name: value for name, value in context.items() if value is not None},
        } | changes.pop("container", {})  # fmt: skip
        spec = {
            "automountServiceAccountToken": False, "priorityClassName": self.priority_class, "containers": [container],
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        } | changes  # fmt: skip
        # Without a sidecar: its own containers are none of the benchmark's business.
        metadata = {"name": "e2e-benchmark", "namespace": self.home, "labels": {"sidecar.istio.io/inject": "false"}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


PODS = Resource("", "pods", namespaced=True)


def path_of(resource: Resource, namespace: str, name: str = "") -> str:
    """Where a resource is; a group's version is that which the checks below need."""
    root = f"/apis/{resource.group}/{VERSIONS.get(resource.group, 'v1')}" if resource.group else "/api/v1"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{resource.name}{'/' + name if name else ''}{_DRY}"


VERSIONS: dict[str, str] = {}
"""By group, as discovery prefers."""


@pytest.fixture(scope="module", params=REGIONS)
def tenancy(platform: Running, request: pytest.FixtureRequest) -> Iterator[Tenancy]:
    with platform.api(request.param) as api:
        yield open_tenancy(platform, request.param, api)


def open_tenancy(platform: Running, region: str, api: Api) -> Tenancy:
    VERSIONS.update({group["name"]: group["preferredVersion"]["version"] for group in api.read("/apis")["groups"]})
    # A different tenant in each region.
    tenants = sorted(INVENTORY.tenants_of(region), key=lambda one: one.name, reverse=bool(REGIONS.index(region) % 2))
    tenant, other = tenants[0], tenants[1]
    running = platform.read(region, "pods", "--namespace=tenant-fraud", "--selector=serving.kserve.io/inferenceservice")["items"]
    image = next(one["image"] for one in running[0]["spec"]["containers"] if one["name"] == "queue-proxy")
    return Tenancy(
        api,
        Account(tenant.namespace_name, names.deploy_service_account(tenant.name)),
        other.namespace_name,
        image,
        names.priority_class(tenant.tier),
    )


def listable(tenancy: Tenancy, *, namespaced: bool) -> list[Resource]:
    return [
        one for one in tenancy.api.discover()
        if one.namespaced == namespaced and "/" not in one.name and "list" in one.verbs
    ]  # fmt: skip


def test_pod_that_breaks_no_rule_is_admitted(tenancy: Tenancy) -> None:
    """Else every refusal below could be for this pod's other faults."""
    status, answer = tenancy.api.request("POST", path_of(PODS, tenancy.home), tenancy.pod())
    assert status == 201, answer


def block_access_to_cluster_resources(tenancy: Tenancy) -> None:
    resources = listable(tenancy, namespaced=False)
    assert len(resources) > 20
    for resource in resources:
        tenancy.forbids("list", resource, "", "GET")
        if "create" in resource.verbs:
            tenancy.forbids("create", resource, "", "POST", body={})


def block_access_to_other_tenants(tenancy: Tenancy) -> None:
    resources = listable(tenancy, namespaced=True)
    assert len(resources) > 40
    for resource in resources:
        tenancy.forbids("list", resource, tenancy.neighbour, "GET")
    served = Resource("serving.kserve.io", "inferenceservices", namespaced=True)
    # At home it may: the refusal next door is for the place.
    assert tenancy.api.request("GET", path_of(served, tenancy.home), user=tenancy.account.user)[0] == 200


GUARD_RAILS = (
    ("networking.k8s.io", "networkpolicies"), ("rbac.authorization.k8s.io", "roles"), ("rbac.authorization.k8s.io", "rolebindings"),
    ("security.istio.io", "authorizationpolicies"), ("security.istio.io", "peerauthentications"), ("", "limitranges"),
    ("", "serviceaccounts"), ("", "resourcequotas"), ("policy", "poddisruptionbudgets"), ("monitoring.coreos.com", "podmonitors"),
)  # fmt: skip


def block_changes_of_guard_rails(tenancy: Tenancy) -> None:
    changed = 0
    for group, name in GUARD_RAILS:
        resource = Resource(group, name, namespaced=True)
        for one in tenancy.api.read(path_of(resource, tenancy.home))["items"]:
            patch = {"metadata": {"annotations": {"e2e.tidegate.dev/mine": "yes"}}}
            tenancy.forbids("patch", resource, tenancy.home, "PATCH", one["metadata"]["name"], body=patch)
            tenancy.forbids("delete", resource, tenancy.home, "DELETE", one["metadata"]["name"])
            changed += 1
    path = path_of(Resource("", "namespaces", namespaced=False), "", tenancy.home)
    assert 'cannot patch resource "namespaces"' in tenancy.refusal("PATCH", path, {}, content_type="application/merge-patch+json")
    assert changed >= len(GUARD_RAILS)


def block_changes_of_quotas(tenancy: Tenancy) -> None:
    quotas = Resource("", "resourcequotas", namespaced=True)
    for verb, method, name in (
        ("create", "POST", ""), ("patch", "PATCH", "quota"), ("update", "PUT", "quota"), ("delete", "DELETE", "quota"),
        ("deletecollection", "DELETE", ""),
    ):  # fmt: skip
        tenancy.forbids(verb, quotas, tenancy.home, method, name, body={} if method != "DELETE" else None)


def block_escalation_by_roles(tenancy: Tenancy) -> None:
    mighty = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    me = {"kind": "ServiceAccount", "name": tenancy.account.name, "namespace": tenancy.home}
    bindings = Resource("rbac.authorization.k8s.io", "rolebindings", namespaced=True)
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "e2e-mine", "namespace": tenancy.home},
        "roleRef": mighty, "subjects": [me],
    }  # fmt: skip
    tenancy.forbids("create", bindings, tenancy.home, "POST", body=body)
    roles = Resource("rbac.authorization.k8s.io", "roles", namespaced=True)
    rule = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    tenancy.forbids("patch", roles, tenancy.home, "PATCH", tenancy.account.name, body=rule)


def refuse_own(group: str, name: str) -> Callable[[Tenancy], None]:
    return lambda tenancy: tenancy.forbids("create", Resource(group, name, namespaced=True), tenancy.home, "POST", body={})


def quota_of(tenancy: Tenancy) -> dict[str, str]:
    return tenancy.api.read(path_of(Resource("", "resourcequotas", namespaced=True), tenancy.home, "quota"))["spec"]["hard"]


def configure_resource_quotas(tenancy: Tenancy) -> None:
    hard = quota_of(tenancy)
    assert {"requests.cpu", "requests.memory", "persistentvolumeclaims"} <= hard.keys()
    assert hard["persistentvolumeclaims"] == "0"  # which is a quota of storage too
    bounds = {"cpu": "50", "memory": "64Mi"}
    said = tenancy.refusal(
        "POST", path_of(PODS, tenancy.home), tenancy.pod(container={"resources": {"requests": bounds, "limits": bounds}}), as_tenant=False
    )
    assert "maximum cpu usage per Container is" in said
    # A card of a pool that the tenant has no share of.
    card = next(name.removeprefix("requests.") for name, count in hard.items() if name.startswith("requests.nvidia.com/") and count == "0")
    bounds = {"cpu": "50m", "memory": "64Mi", card: "1"}
    said = tenancy.refusal(
        "POST", path_of(PODS, tenancy.home), tenancy.pod(container={"resources": {"requests": bounds, "limits": bounds}}), as_tenant=False
    )
    assert f"exceeded quota: quota, requested: requests.{card}=1" in said or "denied request: limit-gpu-pods: " in said, said


def configure_object_quotas(tenancy: Tenancy) -> None:
    hard = quota_of(tenancy)
    assert {"pods", "persistentvolumeclaims", "services.loadbalancers", "services.nodeports"} <= hard.keys()
    claims = Resource("", "persistentvolumeclaims", namespaced=True)
    tenancy.forbids("create", claims, tenancy.home, "POST", body={})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    said = tenancy.refusal(
        "POST", path_of(claims, tenancy.home), manifest("v1", "PersistentVolumeClaim", tenancy.home, **spec), as_tenant=False
    )
    assert "exceeded quota: quota, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0" in said


def service(tenancy: Tenancy, kind: str) -> dict[str, Any]:
    return manifest("v1", "Service", tenancy.home, type=kind, ports=[{"port": 80}])


def block_exposed_services(tenancy: Tenancy) -> None:
    services = Resource("", "services", namespaced=True)
    tenancy.forbids("create", services, tenancy.home, "POST", body={})
    # Ordinary ones are admitted.
    assert tenancy.api.request("POST", path_of(services, tenancy.home), service(tenancy, "ClusterIP"))[0] == 201
    for kind, counted in (("NodePort", "services.nodeports=1"), ("LoadBalancer", "services.loadbalancers=1")):
        said = tenancy.refusal("POST", path_of(services, tenancy.home), service(tenancy, kind), as_tenant=False)
        assert f"exceeded quota: quota, requested: {counted}" in said or "denied request: forbid-exposed-services: " in said, said


OTHERS: dict[str, Callable[[Tenancy], None]] = {
    "MTB-PL1-CC-CPI-1-cluster-resources": block_access_to_cluster_resources,
    "MTB-PL1-BC-CPI-2-guard-rails": block_changes_of_guard_rails,
    "MTB-PL1-CC-TI-1-quotas-unchanged": block_changes_of_quotas,
    "MTB-PL1-CC-TI-2-other-tenants": block_access_to_other_tenants,
    "MTB-PL2-CC-TI-1-role-escalation": block_escalation_by_roles,
    "MTB-PL1-CC-FNS-1-resource-quotas": configure_resource_quotas,
    "MTB-PL1-CC-FNS-2-object-quotas": configure_object_quotas,
    "MTB-PL1-BC-HI-1-node-ports": block_exposed_services,
    # The benchmark wants tenants to make these themselves. Here they come from the tenant's file, by pull request, and a
    # running identity of the tenant may make none: a deviation on purpose.
    "MTB-PL2-BC-OPS-4-own-network-policies-refused": refuse_own("networking.k8s.io", "networkpolicies"),
    "MTB-PL2-BC-OPS-3-own-role-bindings-refused": refuse_own("rbac.authorization.k8s.io", "rolebindings"),
}

BAD_PODS: dict[str, tuple[dict[str, Any], str]] = {
    "MTB-PL1-BC-CPI-3-added-capabilities": (
        {"context": {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}}, 'must not include "NET_ADMIN" in securityContext.capabilities.add',
    ),
    "MTB-PL1-BC-CPI-4-root-by-default": ({"context": {"runAsNonRoot": None}}, "runAsNonRoot != true"),
    "MTB-PL1-BC-CPI-4-root-by-number": ({"context": {"runAsUser": 0}}, "runAsUser=0"),
    "MTB-PL1-BC-CPI-5-privileged": (
        {"context": {"privileged": True, "allowPrivilegeEscalation": None}}, "containers[0].securityContext.privileged",
    ),
    "MTB-PL1-BC-CPI-6-escalation-of-privileges": (
        {"context": {"allowPrivilegeEscalation": True}}, "must set securityContext.allowPrivilegeEscalation=false",
    ),
    "MTB-PL1-BC-HI-1-host-path": ({"volumes": [{"name": "node", "hostPath": {"path": "/etc"}}]}, 'restricted volume type "hostPath"'),
    "MTB-PL1-BC-HI-3-host-network": ({"hostNetwork": True}, "hostNetwork=true"),
    "MTB-PL1-BC-HI-3-host-port": ({"container": {"ports": [{"containerPort": 8080, "hostPort": 8080}]}}, "hostPort 8080"),
    "MTB-PL1-BC-HI-4-host-processes": ({"hostPID": True}, "hostPID=true"),
    "MTB-PL1-BC-HI-5-host-ipc": ({"hostIPC": True}, "hostIPC=true"),
}  # fmt: skip
"""What is wrong with the pod, and what the refusal has to name."""


@pytest.mark.parametrize("check", OTHERS)
def test_benchmark(tenancy: Tenancy, check: str) -> None:
    OTHERS[check](tenancy)


@pytest.mark.parametrize("check", BAD_PODS)
def test_benchmark_of_pods(tenancy: Tenancy, check: str) -> None:
    changes, reason = BAD_PODS[check]
    pod = tenancy.pod(**copy.deepcopy(changes))
    assert 'cannot create resource "pods"' in tenancy.refusal("POST", path_of(PODS, tenancy.home), pod)
    said = tenancy.refusal("POST", path_of(PODS, tenancy.home), pod, as_tenant=False)
    assert _RESTRICTED in said or _API_SERVER in said, said
    assert reason in said


def test_benchmark_mtb_pl1_cc_di_1_images(tenancy: Tenancy) -> None:
    """The benchmark wants every image pulled anew, so that nobody runs what another tenant's credentials pulled.

    Here no tenant has credentials: all images come by digest from one registry, and any other is refused.
    """
    pod = tenancy.pod(container={"image": "registry.example.com/somebody/else:latest", "imagePullPolicy": "IfNotPresent"})
    assert 'cannot create resource "pods"' in tenancy.refusal("POST", path_of(PODS, tenancy.home), pod)
    assert "denied request: require-approved-images: " in tenancy.refusal("POST", path_of(PODS, tenancy.home), pod, as_tenant=False)
