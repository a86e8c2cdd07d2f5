"""The embedded region's registry with every version signed: the trained files, each with its bundle and statement beside it.

A copy, because signatures differ from run to run and what training left is named by what it was made of.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tidegate.checkout import cache_folder
from tidegate.embedded.model_index import INDEX, TrainedVersion, read_index
from tidegate.errors import UsageError
from tidegate.facts import names
from tidegate.facts.signature import ApprovedModel, ModelCatalogue
from tidegate.signing.bundles import SigningError, sign_version, verify_version
from tidegate.signing.keys import Signer, embedded_signer

_RECIPE = 1
"""To be raised when the same models and keys shall be signed again."""


def sign_registry(
    trained: Path, keys: Mapping[str, str], on_progress: Callable[[str, str], None] = lambda _subject, _what: None,
    signer: Callable[[str], Signer] = embedded_signer,
) -> Path:  # fmt: skip
    """The folder with every version of `trained` signed with its tenant's key, from the cache or signed now (a few seconds).

    `keys` names each tenant's key (see `tidegate.signing.keys.key_ids`); a version of another tenant is copied without a signature, as nobody may
    serve it. Raises `SigningError` when a version cannot be signed or is not what the index says.
    """
    versions = read_index(trained)
    signers = {key_id: signer(key_id) for key_id in sorted({keys[one.tenant] for one in versions if one.tenant in keys})}
    folder = cache_folder() / "models" / f"signed-{_key(trained, keys, signers)}"
    if (folder / INDEX).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch) / "registry"
        shutil.copytree(trained, made)
        for version in versions:
            if version.tenant in keys:
                _sign(made, version, signers[keys[version.tenant]])
        on_progress("models", f"{sum(one.tenant in keys for one in versions)} versions signed with {len(signers)} keys")
        if not (folder / INDEX).is_file():  # else another process was faster
            made.rename(folder)
    return folder


def catalogue_of(signed: Path, keys: Mapping[str, str], signer: Callable[[str], Signer] = embedded_signer) -> ModelCatalogue:
    """Every version of the signed registry whose tenant has a key, as the embedded region approves it, and the public keys.

    A version is listed when its bytes, signature, name and version were verified, all of them now. Raises `SigningError` for the
    first that is not what was signed.
    """
    models = tuple(
        ApprovedModel(
            model=version.path, uri=f"{names.MODEL_REGISTRY_URI}{version.path}", sha256=version.sha256, key_id=keys[version.tenant]
        )
        for version in read_index(signed)
        if version.tenant in keys
    )
    public = {key_id: signer(key_id).public_pem() for key_id in sorted({one.key_id for one in models})}
    for one in models:
        try:
            verify_version(signed / one.model, one.model, one.sha256, one.key_id, public[one.key_id])
        except SigningError as refused:
            raise SigningError(f"{refused}; delete {signed} and run the command again") from refused
    return ModelCatalogue(keys=public, models=models)


def _sign(registry: Path, version: TrainedVersion, signer: Signer) -> None:
    stated = sign_version(registry / version.path, version.path, signer)
    if stated.sha256 != version.sha256:
        raise UsageError(f"{version.path} is not what the index says; delete {registry.parent.parent} and train again")


def _key(trained: Path, keys: Mapping[str, str], signers: Mapping[str, Signer]) -> str:
    """Names the trained files and the keys, so that a key made again signs everything again."""
    content = hashlib.sha256(f"{_RECIPE}\0{(trained / INDEX).read_text(encoding='utf-8')}".encode())
    for tenant, key_id in sorted(keys.items()):
        content.update(f"{tenant}\0{key_id}\0{signers[key_id].public_pem() if key_id in signers else ''}\n".encode())
    return content.hexdigest()[:16]
