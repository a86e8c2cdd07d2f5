"""Pods: pinned images, limits, and nothing beyond what the `restricted` Pod Security level allows."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.manifests.placed import Fields, Placed, containers, fields, fields_in, items, pod_specs


def forbid_latest_tag(placed: Placed) -> Iterator[Finding]:
    """`latest` is another image tomorrow."""
    for path, container, _ in containers(placed):
        image = str(container.get("image", ""))
        if _tag(image) == "latest" and "@" not in image:
            yield placed.finding("forbid-latest-tag", f"{path}.image", "the image can change under a running pod", "name a version", image)


def require_image_tag(placed: Placed) -> Iterator[Finding]:
    """An image without tag and digest means `latest`."""
    for path, container, _ in containers(placed):
        image = str(container.get("image", ""))
        if image and not _tag(image) and "@" not in image:
            yield placed.finding("require-image-tag", f"{path}.image", "the image has neither tag nor digest", "append :<version>", image)


def require_image_registry(placed: Placed) -> Iterator[Finding]:
    """Without a registry the node decides where an image comes from."""
    for path, container, _ in containers(placed):
        image = str(container.get("image", ""))
        if image and not _registry(image):
            yield placed.finding(
                "require-image-registry", f"{path}.image", "the image names no registry", "put the registry's host in front", image
            )


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def _registry(image: str) -> str:
    """The part before the first slash is a host only if it looks like one (distribution's reference grammar)."""
    host, slash, _ = image.partition("/")
    return host if slash and ("." in host or ":" in host) else ""


def require_limits(placed: Placed) -> Iterator[Finding]:
    """A container without requests is scheduled anywhere; one without limits takes its neighbours down."""
    for path, container, _ in containers(placed):
        resources = fields(container.get("resources"))
        for bound in ("requests", "limits"):
            missing = [name for name in ("cpu", "memory") if name not in fields(resources.get(bound))]
            if missing:
                problem = f"no {' and '.join(missing)}"
                yield placed.finding("require-limits", f"{path}.resources.{bound}", problem, "state how much the container needs")


def require_restricted_container(placed: Placed) -> Iterator[Finding]:
    """What the `restricted` level demands of each container; KServe's `model` inherits its runtime's."""
    for path, container, pod in containers(placed):
        if not path.endswith(".model"):
            for field, problem, remedy in _unrestricted(container, pod):
                yield placed.finding("require-restricted-container", f"{path}.securityContext.{field}", problem, remedy)


def _unrestricted(container: Fields, pod: Fields) -> Iterator[tuple[str, str, str]]:
    own, shared = fields(container.get("securityContext")), fields(pod.get("securityContext"))
    if own.get("privileged"):
        yield "privileged", "the container owns the node", "remove it"
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
    if profile.get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile.type", "system calls are not filtered", "set it to RuntimeDefault"


def forbid_host_access(placed: Placed) -> Iterator[Finding]:
    """Host namespaces, paths and ports lead out of the pod."""
    for path, pod in pod_specs(placed):
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(field):
                yield placed.finding("forbid-host-access", f"{path}.{field}", "shares the node's namespace", "remove it", True)
        for index, volume in fields_in(pod.get("volumes")):
            if "hostPath" in volume:
                at = f"{path}.volumes[{index}].hostPath"
                yield placed.finding(
                    "forbid-host-access", at, "mounts the node's files", "use another volume", fields(volume["hostPath"]).get("path", "")
                )
    for path, container, _ in containers(placed):
        for index, port in fields_in(container.get("ports")):
            if port.get("hostPort"):
                yield placed.finding(
                    "forbid-host-access", f"{path}.ports[{index}].hostPort", "takes a port of the node", "remove it", port["hostPort"]
                )


def require_token_automount_off(placed: Placed) -> Iterator[Finding]:
    """A stolen token is a way into the API server; whoever needs one asks for it by projection."""
    problem, remedy = "every process in the pod gets a token", "set it to false"
    if placed.kind == "ServiceAccount" and placed.manifest.get("automountServiceAccountToken") is not False:
        yield placed.finding("require-token-automount-off", "automountServiceAccountToken", problem, remedy)
    if placed.kind in {"ClusterServingRuntime", "ServingRuntime"}:
        return  # the field belongs to the InferenceService that uses the runtime
    for path, pod in pod_specs(placed):
        if pod.get("automountServiceAccountToken") is not False:
            yield placed.finding("require-token-automount-off", f"{path}.automountServiceAccountToken", problem, remedy)


def forbid_toleration_of_everything(placed: Placed) -> Iterator[Finding]:
    """`Exists` tolerates every pool's taint, so the pod could land on another tenant's cards."""
    for path, pod in pod_specs(placed):
        for index, toleration in fields_in(pod.get("tolerations")):
            if toleration.get("operator") == "Exists":
                at = f"{path}.tolerations[{index}].operator"
                yield placed.finding(
                    "forbid-toleration-of-everything", at, "tolerates whatever the value", "use Equal and the pool's name", "Exists"
                )


RULES = (
    forbid_host_access,
    forbid_latest_tag,
    forbid_toleration_of_everything,
    require_image_registry,
    require_image_tag,
    require_limits,
    require_restricted_container,
    require_token_automount_off,
)
