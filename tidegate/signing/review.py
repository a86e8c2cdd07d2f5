"""What a pull request is checked for: every model that a tenant's file names is there, signed by the named key, with the named digest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import CloudError, Finding, InventoryError, UsageError
from tidegate.facts import names
from tidegate.facts.inventory.catalogue import KEYS
from tidegate.facts.models.served_model import NamedArtefact, ServedModel
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.signature import BUNDLE, model_id
from tidegate.signing.bundles import SigningError, verify_version
from tidegate.signing.layouts import layout_problem

Fetch = Callable[[str, Path], Path]
"""Gives the folder with a version's files: takes its URI, as tenants write it, and an empty folder to use when needed."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One model whose files, signature, name and key agree."""

    model: str
    sha256: str
    key_id: str
    files: int
    size_bytes: int


def check_models(
    platform: Platform, keys: Mapping[str, str], fetch: Fetch, *, digests: Mapping[str, str] | None = None, only: Collection[str] = (),
) -> list[Checked]:  # fmt: skip
    """Verifies every artefact that a tenant's file names; `only` limits it to some `<tenant>/<model>`.

    `keys` are public keys (PEM) by name; `digests` by URI stand in for those of the tenants' files, as they do in the embedded
    region. Raises `InventoryError` with a finding for each artefact that is refused or that its server could not load, and `UsageError` for an unknown one in `only`.
    """
    named = {
        f"{tenant.name}/{name}": (tenant.name, name, model) for tenant in platform.tenants.values() for name, model in tenant.models.items()
    }
    if unknown := sorted(set(only) - named.keys()):
        raise UsageError(f"{unknown[0]} is no served model; the models are {', '.join(sorted(named))}")
    checked: list[Checked] = []
    findings: list[Finding] = []
    for wanted in sorted(only or named):
        tenant, name, model = named[wanted]
        for one in model.named_artefacts():
            path = f"models.{name}.{one.path}"
            wanted_version = _Wanted(model_id(tenant, name, one.artefact), (digests or {}).get(one.artefact.uri, one.artefact.sha256), one)
            try:
                checked.append(_check(wanted_version, name, model, keys, fetch))
            except _LayoutError as refused:
                remedy = f"publish the version in that layout, or name the server that loads these files, in place of {one.runtime}"
                findings.append(Finding(tenant_source(tenant), path, "artefact-layout", str(refused), remedy, one.artefact.uri))
            except (SigningError, CloudError) as refused:
                remedy = "sign the files again with that key (`tidegate model sign`), or correct the entry"
                uri = one.artefact.signature.uri
                findings.append(Finding(tenant_source(tenant), f"{path}.signature", "model-signature", str(refused), remedy, uri))
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What must be found: the name that is signed, the digest, and what the tenant's file says of both."""

    version: str
    sha256: str
    named: NamedArtefact


def _check(wanted: _Wanted, name: str, model: ServedModel, keys: Mapping[str, str], fetch: Fetch) -> Checked:
    artefact = wanted.named.artefact
    key_id = artefact.signature.key_id
    if artefact.signature.uri != f"{artefact.uri.rstrip('/')}/{BUNDLE}":
        raise SigningError(f"{wanted.version}: its signature must be beside its files, at {artefact.uri.rstrip('/')}/{BUNDLE}")
    if key_id not in keys:
        raise SigningError(f"{wanted.version}: the public key of {key_id} is not known; commit {(KEYS / key_id).as_posix()}.pem")
    with tempfile.TemporaryDirectory(prefix="tidegate-model-") as scratch:
        folder = fetch(artefact.uri, Path(scratch))
        found = verify_version(folder, wanted.version, wanted.sha256, key_id, keys[key_id])
        if problem := layout_problem(folder, name, wanted.named.runtime, dense_pool=model.dense_pool is not None):
            raise _LayoutError(problem)
    return Checked(wanted.version, wanted.sha256, key_id, found.files, found.size_bytes)
