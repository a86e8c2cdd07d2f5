"""Whether the committed catalogue is what tenants signed, and holds what they serve. Reads files only, so that every check may ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidegate.errors import Finding
from tidegate.facts.inventory.catalogue import FOLDER, KEYS
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.signature import ModelCatalogue, approved, paths_of
from tidegate.facts.tenant import Tenant
from tidegate.signing.bundles import SigningError, read_catalogue


def check_catalogue(root: Path, platform: Platform, recorded: ModelCatalogue) -> list[Finding]:
    """What is wrong with the committed catalogue: a list whose signature does not hold, and models that it leaves out.

    A tenant without a list is not judged, so that one can begin with it tenant by tenant.
    """
    findings: list[Finding] = []
    for tenant in platform.tenants.values():
        path = root / FOLDER / f"{tenant.name}.json"
        if path.is_file():
            findings += _list_findings(tenant, path.read_bytes(), path.relative_to(root).as_posix(), recorded)
    return findings


def _list_findings(tenant: Tenant, content: bytes, source: str, recorded: ModelCatalogue) -> Iterator[Finding]:
    paths = paths_of(tenant)
    for key_id in sorted({one.artefact.signature.key_id for model in tenant.models.values() for one in model.named_artefacts()}):
        if key_id not in recorded.keys:
            remedy = f"commit {(KEYS / key_id).as_posix()}.pem"
            yield Finding(source, "", "catalogue-key-missing", f"the public key of {key_id} is not committed", remedy)
            continue
        try:
            listed = read_catalogue(content, tenant.name, key_id, recorded.keys[key_id])
        except SigningError as refused:
            yield Finding(source, "", "catalogue-signature", str(refused), "sign it again with `tidegate model catalogue`")
            continue
        known = {(entry.model, entry.sha256, entry.key_id) for entry in listed}
        for entry in approved([tenant], ModelCatalogue()):
            if entry.key_id == key_id and (entry.model, entry.sha256, entry.key_id) not in known:
                yield Finding(
                    tenant_source(tenant.name), paths[entry.uri], "model-not-catalogued", f"{source} does not list it",
                    "list it with `tidegate model catalogue`", entry.model,
                )  # fmt: skip
