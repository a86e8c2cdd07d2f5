"""Pods: requests and limits, and nothing beyond what the `restricted` Pod Security level allows."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.manifests.placed import RUNTIMES, Fields, Placed, containers, fields, fields_in, items, pod_specs
from tidegate.manifests.policy_files import sentences

_SHARES_NAMESPACES, _MOUNTS_FOLDER, _PRIVILEGED, _TAKES_PORT = sentences("forbid-host-access")
_NO_REQUESTS, _NO_LIMITS = sentences("require-resources")


def require_resources(placed: Placed) -> Iterator[Finding]:
    """A container without requests is scheduled anywhere; one without limits takes its neighbours down."""
    for path, container, _ in containers(placed):
        resources = fields(container.get("resources"))
        for bound, sentence in (("requests", _NO_REQUESTS), ("limits", _NO_LIMITS)):
            if not {"cpu", "memory"} <= fields(resources.get(bound)).keys():
                yield placed.finding("require-resources", f"{path}.resources.{bound}", *sentence)


def require_restricted_container(placed: Placed) -> Iterator[Finding]:
    """What the `restricted` level demands of each container beyond `forbid-host-access`; KServe's `model` inherits its runtime's."""
    for path, container, pod in containers(placed):
        if not path.endswith(".model"):
            for field, problem, remedy in _unrestricted(container, pod):
                yield placed.finding("require-restricted-container", f"{path}.securityContext.{field}", problem, remedy)


def _unrestricted(container: Fields, pod: Fields) -> Iterator[tuple[str, str, str]]:
    own, shared = fields(container.get("securityContext")), fields(pod.get("securityContext"))
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation", "the process may gain rights", "set it to false"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot", "the process may be root", "set it to true"
    if own.get("runAsUser", shared.get("runAsUser")) == 0:
        yield "runAsUser", "the process is root", "name another user"
    capabilities = fields(own.get("capabilities"))
    if "ALL" not in items(capabilities.get("drop")):
        yield "capabilities.drop", "the process keeps capabilities", "drop ALL"
    if added := [str(name) for name in items(capabilities.get("add")) if name != "NET_BIND_SERVICE"]:
        yield "capabilities.add", f"adds {', '.join(added)}", "remove them"
    profile = fields(own.get("seccompProfile") or shared.get("seccompProfile"))
    if str(profile.get("type")) not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile.type", "system calls are not filtered", "set it to RuntimeDefault"


def forbid_host_access(placed: Placed) -> Iterator[Finding]:
    """A pod that reaches its node reaches every tenant on it."""
    for path, pod in pod_specs(placed):
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(field):
                yield placed.finding("forbid-host-access", f"{path}.{field}", *_SHARES_NAMESPACES, True)
        for index, volume in fields_in(pod.get("volumes")):
            if "hostPath" in volume:
                at = f"{path}.volumes[{index}].hostPath"
                yield placed.finding("forbid-host-access", at, *_MOUNTS_FOLDER, fields(volume["hostPath"]).get("path", ""))
    for path, container, _ in containers(placed):
        if fields(container.get("securityContext")).get("privileged"):
            yield placed.finding("forbid-host-access", f"{path}.securityContext.privileged", *_PRIVILEGED, True)
        for index, port in fields_in(container.get("ports")):
            if port.get("hostPort"):
                yield placed.finding("forbid-host-access", f"{path}.ports[{index}].hostPort", *_TAKES_PORT, port["hostPort"])


def require_token_automount_off(placed: Placed) -> Iterator[Finding]:
    """A stolen token is a way into the API server; whoever needs one asks for it by projection."""
    problem, remedy = "every process in the pod gets a token", "set it to false"
    if placed.kind == "ServiceAccount" and placed.manifest.get("automountServiceAccountToken") is not False:
        yield placed.finding("require-token-automount-off", "automountServiceAccountToken", problem, remedy)
    if placed.kind in RUNTIMES:
        return  # the field belongs to the InferenceService that uses the runtime
    for path, pod in pod_specs(placed):
        if pod.get("automountServiceAccountToken") is not False:
            yield placed.finding("require-token-automount-off", f"{path}.automountServiceAccountToken", problem, remedy)


RULES = (forbid_host_access, require_resources, require_restricted_container, require_token_automount_off)
