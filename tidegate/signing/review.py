"""What a pull request is checked for: every model that a tenant's file names is there, signed by the named key, with the named digest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import CloudError, Finding, InventoryError, UsageError
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.inventory.catalogue import KEYS
from tidegate.facts.models.served_model import NamedArtefact, ServedModel
from tidegate.facts.models.server_libraries import server_of_runtime
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.signature import ApprovedModel, model_id
from tidegate.facts.tenant import Tenant
from tidegate.signing.bundles import SigningError, verify_version
from tidegate.signing.checks.libraries import refuse_other_versions
from tidegate.signing.checks.refusal import Refusal
from tidegate.signing.checks.verification import Verified
from tidegate.signing.layouts import layout_problem

Fetch = Callable[[str, Path], Path]
"""Gives the folder with a version's files: takes its URI, as tenants write it, and an empty folder to use when needed."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Where versions are. That of a cluster holds what the cluster serves; without one, all that tenants' files name."""

    fetch: Fetch
    cluster: Cluster | None = None

    def wants(self, tenant: Tenant, model: ServedModel) -> list[NamedArtefact]:
        """What has to be there of a tenant's model."""
        if self.cluster is None:
            return list(model.named_artefacts())
        return model.kept_for(self.cluster.stage) if self.cluster.name in tenant.clusters else []


@dataclass(frozen=True, slots=True)
class Checked:
    """One model whose files, signature, name and key agree."""

    model: str
    sha256: str
    key_id: str
    files: int
    size_bytes: int


def check_models(
    platform: Platform, keys: Mapping[str, str], registry: Registry, *, digests: Mapping[str, str] | None = None, only: Collection[str] = (),
    pins: Mapping[str, str] | None = None,
) -> list[Checked]:  # fmt: skip
    """Verifies every artefact that `registry` has to hold; `only` limits it to some `<tenant>/<model>`.

    `keys` are public keys (PEM) by name; `digests` by URI stand in for those of the tenants' files, as they do in the embedded
    region; `pins` are the packages of MLServer's images (`load_pins`). Raises `InventoryError` with a finding for each artefact that is
    refused or that its server could not load, and `UsageError` for an unknown one in `only`.
    """
    named = {
        f"{tenant.name}/{name}": (tenant, name, model) for tenant in platform.tenants.values() for name, model in tenant.models.items()
    }
    if unknown := sorted(set(only) - named.keys()):
        raise UsageError(f"{unknown[0]} is no served model; the models are {', '.join(sorted(named))}")
    checked: list[Checked] = []
    findings: list[Finding] = []
    for wanted in sorted(only or named):
        tenant, name, model = named[wanted]
        for one in registry.wants(tenant, model):
            path, artefact = f"models.{name}.{one.path}", one.artefact
            sha256 = (digests or {}).get(artefact.uri, artefact.sha256)
            named_so = ApprovedModel(
                model=model_id(tenant.name, name, artefact), uri=artefact.uri, sha256=sha256, key_id=artefact.signature.key_id
            )
            try:
                checked.append(check_version(named_so, keys, registry.fetch, _loaded_by(name, model, one, pins or {})))
            except _LayoutError as refused:
                remedy = "publish the version in that layout, or name the server that loads these files"
                findings.append(Finding(tenant_source(tenant.name), path, "artefact-layout", str(refused), remedy, artefact.uri))
            except _LibraryError as refused:
                remedy = "name that version here, or a server that has the other"
                findings.append(Finding(tenant_source(tenant.name), path, "artefact-library", str(refused), remedy, artefact.uri))
            except (SigningError, CloudError) as refused:
                remedy = "sign the files again with that key (`tidegate model sign`), or correct the entry"
                uri = artefact.signature.uri
                findings.append(Finding(tenant_source(tenant.name), f"{path}.signature", "model-signature", str(refused), remedy, uri))
    if findings:
        raise InventoryError(findings)
    return checked


def in_folder(registry: Path) -> Fetch:
    """Reads versions from a registry on disk."""

    def fetch(uri: str, _scratch: Path) -> Path:
        found = registry / uri.removeprefix(names.MODEL_REGISTRY_URI)
        if not uri.startswith(names.MODEL_REGISTRY_URI) or not found.is_dir():
            raise SigningError(f"{uri} is not in {registry}")
        return found

    return fetch


class _LayoutError(SigningError):
    """The files are signed, and their server could not load them."""


class _LibraryError(SigningError):
    """The files are signed, and their server has another version of the library that wrote them."""


Look = Callable[[Path, Verified], None]
"""Sees the folder of a verified version."""


def _loaded_by(name: str, model: ServedModel, one: NamedArtefact, pins: Mapping[str, str]) -> Look:
    runtimes = [one.runtime]
    if one.path == "artefact" and model.also_on_cpu and not model.also_on_cpu.artefact:
        runtimes.append(model.also_on_cpu.runtime)  # it loads the same files
    pooled = model.dense_pool is not None

    def require_loadable(folder: Path, found: Verified) -> None:
        for runtime in runtimes:
            if problem := layout_problem(folder, name, runtime, dense_pool=pooled):
                raise _LayoutError(problem)
            server = server_of_runtime(runtime, pins, dense_pool=pooled)
            try:
                refuse_other_versions(found.trained_with, server.name, server.libraries)
            except Refusal as refused:
                raise _LibraryError(str(refused)) from refused

    return require_loadable


def check_version(
    entry: ApprovedModel, keys: Mapping[str, str], fetch: Fetch, look: Look = lambda _folder, _found: None
) -> Checked:  # fmt: skip
    """Fetches one version, verifies its bytes, signature, name and version, and has `look` see the folder.

    Raises `SigningError`, and `CloudError` from `fetch`.
    """
    if entry.key_id not in keys:
        raise SigningError(f"{entry.model}: the public key of {entry.key_id} is not known; commit {(KEYS / entry.key_id).as_posix()}.pem")
    with tempfile.TemporaryDirectory(prefix="tidegate-model-") as scratch:
        folder = fetch(entry.uri, Path(scratch))
        found = verify_version(folder, entry.model, entry.sha256, entry.key_id, keys[entry.key_id])
        look(folder, found)
    return Checked(entry.model, entry.sha256, entry.key_id, found.files, found.size_bytes)
