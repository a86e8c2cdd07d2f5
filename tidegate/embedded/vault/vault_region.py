"""The Vault of a running region: the Secrets that it starts with, the way to it, and what `tidegate up` does there.

It is reached through the API server's proxy, with the engineer's certificate: nothing else of it is open to this machine.
"""

from __future__ import annotations

import base64
import secrets
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tidegate.embedded.fleet import bring_up, internet
from tidegate.embedded.fleet.bring_up import Local, OnProgress
from tidegate.embedded.identity import certificates
from tidegate.embedded.machines import network
from tidegate.embedded.vault import vault
from tidegate.embedded.vault.vault_client import Vault
from tidegate.errors import MachineError
from tidegate.facts import names
from tidegate.live.kubernetes import Kubernetes
from tidegate.manifests.yaml_text import Manifest
from tidegate.signing.keys import embedded_signer
from tidegate.tools.waiting import Obstacle, nothing_known, wait_until

_HOSTS = (f"vault.{vault.NAMESPACE}.svc", f"vault.{vault.NAMESPACE}.svc.cluster.local")
_FIRST_ACCESS_KEY = "emulated"
"""The emulator takes any word; this is the one that the cloud stacks use too."""

_PATIENCE_SECONDS = 600
"""Argo CD installs it after the mesh, on a machine that has much else to do."""

_LOGIN_SECONDS = 90
"""After that a refusal is taken for one."""


def applied_by_hand(local: Local, name: str) -> list[Manifest]:
    """Certificate and sealing key, which are applied by hand. The key is this machine's; the certificate is made again each time."""
    authority = internet.own_authority(local.machine(network.INTERNET))
    issued = certificates.issue(authority, _HOSTS[0], hosts=_HOSTS)
    key = vault.sealing_key(local.machine(name).folder / "pki")
    return [
        _secret("vault-tls", "kubernetes.io/tls", {"tls.crt": issued.certificate_pem, "tls.key": issued.key_pem}),
        _secret("vault-seal-key", "Opaque", {"key": key.encode()}),
    ]


def _secret(name: str, kind: str, data: dict[str, bytes]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, "namespace": vault.NAMESPACE, "labels": names.component_labels("add-ons")},
        "data": {key: base64.b64encode(content).decode() for key, content in data.items()},
    }


def set_up(
    local: Local, name: str, cluster: Kubernetes, key_ids: Sequence[str], on_progress: OnProgress, *,
    find_obstacle: Callable[[], Obstacle | None] = nothing_known,
) -> None:  # fmt: skip
    """Waits for the Vault of a region and makes it hold what the repository says; a second call changes nothing.

    `find_obstacle` tells what else keeps the region from coming up, when Vault does not answer. Raises `MachineError` when it does not answer in time, stays sealed or refuses.
    """
    with reach(bring_up.kubeconfig_path(local, name)) as here:
        said = ""

        def answers() -> bool:
            nonlocal said
            try:
                return not here.is_initialized() or not here.is_sealed()
            except MachineError as error:
                said = str(error)
                return False

        wait_until(
            answers, f"Vault of {name}", patience_seconds=_PATIENCE_SECONDS, pause_seconds=2, why_not=lambda: said,
            say=partial(on_progress, name), find_obstacle=find_obstacle,
        )  # fmt: skip
        wanted = _wanted(local, name, vault.AccessKey(_FIRST_ACCESS_KEY, _FIRST_ACCESS_KEY), key_ids)
        if vault.open_up(here, wanted, local.machine(name).folder / "pki" / "vault.json"):
            on_progress(name, "Vault initialised")
        with logged_in(here, cluster, partial(on_progress, name)):
            changed = vault.configure(here, wanted)
        on_progress(name, f"Vault: {len(changed)} changes")


def rotate(local: Local, name: str, cluster: Kubernetes) -> str:
    """Gives a region's Vault another access key for AWS and takes back every token of its; returns the new key's name.

    Raises `MachineError` when Vault does not answer, is sealed or refuses.
    """
    made = vault.AccessKey(f"{_FIRST_ACCESS_KEY}-{secrets.token_hex(4)}", secrets.token_urlsafe(30))
    with reach(bring_up.kubeconfig_path(local, name)) as here:
        here.log_in(vault.PLATFORM, token_of_ours(cluster))
        vault.rotate(here, _wanted(local, name, made))
    return made.key_id


def seal(local: Local, name: str, cluster: Kubernetes) -> None:
    """Seals a region's Vault; its pod, started again, unseals itself. Raises `MachineError` when Vault refuses."""
    with reach(bring_up.kubeconfig_path(local, name)) as here:
        here.log_in(vault.PLATFORM, token_of_ours(cluster))
        here.write("sys/seal", {})


def _wanted(local: Local, name: str, access_key: vault.AccessKey, key_ids: Sequence[str] = ()) -> vault.Wanted:
    return vault.Wanted(
        cluster=local.platform.clusters[name],
        tenants=local.whole.tenants_of(name),
        policies=local.checkout.root / vault.POLICIES,
        aws_endpoint=f"http://{internet.S3_HOST}",
        access_key=access_key,
        signing_keys={key_id: embedded_signer(key_id).path.read_bytes() for key_id in key_ids},
    )


@contextmanager
def logged_in(here: Vault, cluster: Kubernetes, say: Callable[[str], None]) -> Generator[None]:
    """Logs in, again for a while when that is refused.

    Seen once after `tidegate local start`: "permission denied" for a login that is right. Vault asks the API server about each token; that
    it could not reach it yet is likely and not proved.
    """
    refused = ""

    def is_let_in() -> bool:
        nonlocal refused
        try:
            here.log_in(vault.PLATFORM, token_of_ours(cluster))
        except MachineError as error:
            refused = str(error)
            return False
        return True

    wait_until(is_let_in, "Vault to let us in", patience_seconds=_LOGIN_SECONDS, pause_seconds=2, why_not=lambda: refused, say=say)
    try:
        yield
    finally:
        here.revoke_own_token()


def token_of_ours(cluster: Kubernetes) -> str:
    """A token of the ServiceAccount that `tidegate up` logs in as, for ten minutes and for Vault only."""
    asked = ["create", "token", vault.CONFIGURER, f"--namespace={vault.NAMESPACE}", f"--audience={vault.AUDIENCE}", "--duration=10m"]
    return cluster.run(*asked).strip()


@contextmanager
def reach(kubeconfig: Path) -> Generator[Vault]:
    """A region's Vault, not logged in; the certificates of `kubeconfig` lie in files (of ours only) as long as it is used."""
    content: Any = yaml.safe_load(kubeconfig.read_bytes())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    parts = {
        "ca.crt": cluster["certificate-authority-data"], "client.crt": user["client-certificate-data"], "client.key": user["client-key-data"],
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="tidegate-vault-") as folder:
        paths = {name: Path(folder) / name for name in parts}
        for name, encoded in parts.items():
            certificates.write_secret(paths[name], base64.b64decode(encoded))
        proxy = f"{cluster['server']}/api/v1/namespaces/{vault.NAMESPACE}/services/https:vault:8200/proxy"
        yield Vault(proxy, authority=str(paths["ca.crt"]), certificate=(str(paths["client.crt"]), str(paths["client.key"])))
