"""Who may do what, what is pinned, what is secret and what is closed: asked of the running regions, not of their files."""

from __future__ import annotations

import base64
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from clusters.components.serving import images
from tests.acceptance.running_platform import INVENTORY, REGIONS, SCHEDULED, Running, wait_for
from tests.root import ROOT
from tidegate import tools
from tidegate.errors import ToolError

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

PINNED = re.compile(r"registry\.example\.com/[^@]+@sha256:[0-9a-f]{64}")
TENANTS = sorted({tenant.namespace_name for tenant in INVENTORY.tenants.values()})
IDENTITIES = ("controller-manager", "scheduler", "kube-proxy", "kwok", "kubelet")
PKI = "/etc/kubernetes/pki"


def refused(platform: Running, region: str, *arguments: str, stdin: str = "") -> str:
    """What kubectl says when it is refused."""
    with pytest.raises(ToolError) as caught:
        platform.cluster(region).run(*arguments, stdin=stdin)
    return caught.value.stderr


def as_identity(platform: Running, region: str, identity: str) -> list[str]:
    """Kubectl with a component's own kubeconfig, through the loopback relay."""
    kubeconfig = platform.local.machine(region).folder / "upper" / "etc" / "kubernetes" / f"{identity}.conf"
    server = f"https://127.0.0.1:{platform.ports[f'api-{region}']}"
    return [str(platform.programs["kubectl"]), f"--kubeconfig={kubeconfig}", f"--server={server}"]


def containers(pod: Any) -> list[Any]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def really_run(platform: Running, region: str) -> list[Any]:
    fake = set(platform.state(region).fake_nodes)
    return [pod for pod in platform.read(region, "pods", "--all-namespaces")["items"] if pod["spec"].get("nodeName") not in fake]


@pytest.mark.parametrize("region", REGIONS)
def test_every_pod_asks_for_a_digest_of_our_registry(platform: Running, region: str) -> None:
    pods = really_run(platform, region)
    loose = {
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}: {one['image']}"
        for pod in pods
        for one in containers(pod)
        if not PINNED.fullmatch(one["image"])
    }
    assert pods
    assert not loose


@pytest.mark.parametrize("region", REGIONS)
def test_every_container_runs_the_digest_it_asks_for(platform: Running, region: str) -> None:
    different: list[str] = []
    for pod in really_run(platform, region):
        asked = {one["name"]: one["image"].rpartition("@")[2] for one in containers(pod)}
        statuses = [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]
        different += [
            f"{pod['metadata']['name']}/{one['name']}: {one['imageID']}"
            for one in statuses
            if one["imageID"] and (not PINNED.fullmatch(one["imageID"]) or one["imageID"].rpartition("@")[2] != asked[one["name"]])
        ]
    assert not different


@pytest.mark.parametrize("region", REGIONS)
def test_every_knative_revision_carries_its_digest(platform: Running, region: str) -> None:
    revisions = platform.read(region, "revisions.serving.knative.dev", "--all-namespaces")["items"]
    assert revisions
    for one in revisions:
        digests = [each.get("imageDigest", "") for each in one["status"].get("containerStatuses", [])]
        assert digests, f"{one['metadata']['name']} has no digest"
        assert all("@sha256:" in digest for digest in digests), f"{one['metadata']['name']}: {digests}"


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("key", ["/registry/secrets/argocd/argocd-redis", "/registry/secrets/istio-ingress/edge-tls"])
def test_secret_is_encrypted_in_etcd(platform: Running, region: str, key: str) -> None:
    answer = json.loads(
        platform.inside(
            region, "curl", "--silent", "--show-error", "--cacert", f"{PKI}/etcd-ca.crt",
            "--cert", f"{PKI}/apiserver-etcd.crt", "--key", f"{PKI}/apiserver-etcd.key", "https://127.0.0.1:2379/v3/kv/range",
            "--data", json.dumps({"key": base64.b64encode(key.encode()).decode()}),
        )
    )  # fmt: skip
    assert answer.get("kvs"), f"etcd of {region} has no {key}"
    value = base64.b64decode(answer["kvs"][0]["value"])
    assert value.startswith(b"k8s:enc:"), f"{key} begins with {value[:30]!r}"
    assert b"BEGIN" not in value


@pytest.mark.parametrize("region", REGIONS)
def test_etcd_answers_nobody_without_a_certificate(platform: Running, region: str) -> None:
    with pytest.raises(ToolError):
        platform.inside(region, "curl", "--silent", "--insecure", "--max-time", "5", "https://127.0.0.1:2379/v3/kv/range", "--data", "{}")


@pytest.mark.parametrize("region", REGIONS)
def test_audit_log_names_who_deleted_what(platform: Running, region: str) -> None:
    log = platform.local.machine(region).folder / "kept" / "var-log-kubernetes" / "audit.log"
    size, name = log.stat().st_size, "e2e-audited"
    cluster = platform.cluster(region)
    cluster.run("create", "configmap", name, "--namespace=default")
    cluster.run("delete", "configmap", name, "--namespace=default")

    def look() -> list[str]:
        with log.open("rb") as file:
            file.seek(size if size <= log.stat().st_size else 0)
            return [line for line in file.read().decode(errors="replace").splitlines() if name in line and '"verb":"delete"' in line]

    wait_for(f"the deletion of {name} is in the audit log of {region}", look, bool, 60)
    assert json.loads(look()[0])["user"]["username"] == "platform-engineer"


@pytest.mark.parametrize("region", REGIONS)
def test_anonymous_request_is_refused(platform: Running, region: str) -> None:
    port = platform.ports[f"api-{region}"]
    command = ["curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}", f"https://127.0.0.1:{port}/api"]
    assert tools.run(command).stdout == "401"


@pytest.mark.parametrize("machine", [*REGIONS, "internet"])
def test_private_keys_on_this_computer_are_read_by_their_owner_only(platform: Running, machine: str) -> None:
    """As this computer sees the files; `tests/nodes` looks from inside."""
    folder = platform.local.machine(machine).folder
    secrets = [
        path for top in ("pki", "upper/etc") for path in (folder / top).rglob("*")
        if path.is_file() and (path.suffix in {".key", ".conf", ".password"} or path.name == "encryption.yaml")
    ]  # fmt: skip
    assert len(secrets) >= 2, f"no keys below {folder}"
    for path in [*secrets, *([platform.checkout.embedded / f"{machine}.kubeconfig"] if machine in REGIONS else [])]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert not mode & 0o077, f"{path} is {mode:o}"


def http_status(platform: Running, machine: str, url: str) -> str:
    """The status of a GET inside a machine; 000 when nobody listens."""
    command = ["curl", "--silent", "--insecure", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}", url]
    try:
        return platform.inside(machine, *command)
    except ToolError:
        return "000"


@pytest.mark.parametrize("region", REGIONS)
def test_kubelet_tells_strangers_nothing(platform: Running, region: str) -> None:
    node = platform.local.addresses.regions[region].node
    assert http_status(platform, region, f"https://{node}:10250/pods") == "401"


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("identity", IDENTITIES)
def test_component_is_not_a_cluster_administrator(platform: Running, region: str, identity: str) -> None:
    with pytest.raises(ToolError) as caught:
        tools.run([*as_identity(platform, region, identity), "auth", "can-i", "*", "*", "--all-namespaces"])
    assert caught.value.stderr.strip().endswith("no"), caught.value.stderr


@pytest.mark.parametrize("region", REGIONS)
def test_node_labels_neither_itself_as_trusted_nor_another_node(platform: Running, region: str) -> None:
    kubelet = as_identity(platform, region, "kubelet")
    with pytest.raises(ToolError, match="is not allowed to modify labels"):
        tools.run([*kubelet, "label", "node", f"{region}-node-1", "node-restriction.kubernetes.io/trusted=yes"])
    (reference,) = [reference for where, reference in SCHEDULED if where == region]
    fake = platform.schedule(region, reference)
    assert fake, f"{region} has no other node"
    with pytest.raises(ToolError, match="only its own Node object"):
        tools.run([*kubelet, "label", "node", fake[0], "example.com/mine=yes"])


@pytest.mark.parametrize("region", REGIONS)
def test_node_reads_no_secret_that_no_pod_of_its_own_mounts(platform: Running, region: str) -> None:
    name = "e2e-unmounted"
    cluster = platform.cluster(region)
    cluster.run("create", "secret", "generic", name, "--namespace=default", "--from-literal=a=b")
    try:
        with pytest.raises(ToolError, match="no relationship found between node"):
            tools.run([*as_identity(platform, region, "kubelet"), "get", "secret", name, "--namespace=default"])
    finally:
        cluster.run("delete", "secret", name, "--namespace=default")


@pytest.mark.parametrize("namespace", TENANTS)
def test_tenant_is_refused_a_pod_in_the_nodes_network(platform: Running, namespace: str) -> None:
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "e2e-mighty", "namespace": namespace},
        "spec": {"hostNetwork": True, "containers": [{"name": "one", "image": images.PAUSE}]},
    }  # fmt: skip
    said = refused(platform, "live-2", "apply", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))
    assert 'violates PodSecurity "restricted' in said
    assert "hostNetwork=true" in said


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("namespace", ["default", "platform"])
def test_pod_that_sees_the_nodes_processes_is_refused_where_nothing_needs_it(platform: Running, region: str, namespace: str) -> None:
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "e2e-mighty", "namespace": namespace},
        "spec": {"hostPID": True, "containers": [{"name": "one", "image": images.PAUSE}]},
    }  # fmt: skip
    assert "violates PodSecurity" in refused(platform, region, "apply", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))


CONNECT = """
import socket, sys
with socket.create_connection(("1.1.1.1", 853), timeout=4) as connection:
    connection.sendall(b"anybody there?")
    sys.exit(0 if connection.recv(1) else "nothing came back")
"""
"""A pod's sidecar takes every connection and closes it when it finds no way; so bytes have to come back."""


@pytest.mark.parametrize("machine", [*REGIONS, "internet"])
def test_nothing_leaves_a_machine(platform: Running, machine: str) -> None:
    with pytest.raises(ToolError, match=r"unreachable|timed out|TimeoutError"):
        platform.inside(machine, "python3", "-c", CONNECT)


@pytest.mark.parametrize("region", REGIONS)
def test_nothing_leaves_a_pod(platform: Running, region: str) -> None:
    options = ["--namespace=tenant-credit", "--selector=component=explainer", "--output=jsonpath={.items[0].metadata.name}"]
    name = platform.cluster(region).run("get", "pods", *options)
    said = refused(
        platform, region, "exec", name, "--namespace=tenant-credit", "--container=kserve-container", "--", "/usr/bin/python3", "-c", CONNECT
    )
    assert re.search(r"unreachable|timed out|TimeoutError|reset|refused|nothing came back", said), said


@pytest.mark.parametrize("region", REGIONS)
def test_names_of_the_real_internet_are_not_resolved(platform: Running, region: str) -> None:
    with pytest.raises(ToolError):
        platform.inside(region, "python3", "-c", "import socket; socket.getaddrinfo('pypi.org', 443)", timeout_seconds=60)


def test_tenant_may_not_send_its_own_route_through_the_shared_gateway(platform: Running) -> None:
    """As its service account: routes, virtual services and filters are the platform's."""
    account = "system:serviceaccount:tenant-fraud:fraud-deploy"
    for kind in ("httproutes.gateway.networking.k8s.io", "virtualservices.networking.istio.io", "envoyfilters.networking.istio.io"):
        said = refused(platform, "live-2", "auth", "can-i", "create", kind, "--namespace=tenant-fraud", f"--as={account}")
        assert said.strip().endswith("no"), f"{account} may create {kind}"


def test_checkout_holds_no_private_key(platform: Running) -> None:
    """Keys are kept below out/, which Git does not see."""
    tracked = tools.run(["git", "-C", str(ROOT), "ls-files"]).stdout.splitlines()
    assert not [name for name in tracked if Path(name).suffix in {".key", ".pem", ".kubeconfig"}]
    assert tools.run(["git", "-C", str(ROOT), "check-ignore", str(platform.checkout.embedded)]).stdout.strip()
