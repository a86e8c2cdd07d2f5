"""What is signed about a model, and the catalogue of models that may be served.

A model-signing bundle binds files to a key and nothing else: neither name nor version. So a second document, the model
statement, binds tenant, model and version to the digest of those files, and the catalogue lists what may be served.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts import cloud_names
from tidegate.facts.fact import Fact, Sha256, refuse
from tidegate.facts.models.artefact import Artefact, ImmutableUri
from tidegate.facts.models.server_libraries import ModelServer
from tidegate.facts.stage import Stage
from tidegate.facts.tenant import Tenant

STATEMENT = "model.statement"
"""Our signed statement of name, version and digest, beside the bundle."""

ModelId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}/[a-z][a-z0-9-]{0,33}/[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""`<tenant>/<model>/<version>`; the version is the last part of the artefact's URI (`3-slow` is not `3`)."""

KeyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{2,62}$")]
"""A signing key's name, as in a tenant's file."""

PublicKey = Annotated[
    str, StringConstraints(pattern=r"^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n$", max_length=1024)
]
"""A public key as PEM (SubjectPublicKeyInfo); on P-256, the only curve that the verifier accepts."""


class ApprovedModel(Fact):
    """One model version that may be served."""

    model: ModelId
    uri: ImmutableUri
    """As a tenant's file writes it."""
    sha256: Sha256
    key_id: KeyId

    @property
    def served_model(self) -> str:
        """The middle of `model`: the InferenceService that may load it."""
        return self.model.split("/")[1]

    @property
    def tenant(self) -> str:
        """The first part of `model`."""
        return self.model.split("/")[0]


class ModelCatalogue(Fact):
    """Models that may be served beside those that tenants name now, and the public keys they are signed with.

    Earlier versions belong here for as long as a rollout may return to them: their pods restart too.
    """

    keys: dict[KeyId, PublicKey] = Field(default_factory=dict[str, str])
    models: tuple[ApprovedModel, ...] = ()

    @model_validator(mode="after")
    def _lists_each_once(self) -> ModelCatalogue:
        for what in ("model", "uri"):
            seen: set[str] = set()
            for number, entry in enumerate(self.models):
                value: str = getattr(entry, what)
                if value in seen:
                    raise refuse(f"catalogue-{what}-twice", "is listed twice", "keep one", at=f"models[{number}].{what}", value=value)
                seen.add(value)
        return self


class SignedStatement(Fact):
    """What a model statement says, once its signature holds."""

    model: ModelId
    sha256: Sha256
    key_id: KeyId
    files: Annotated[int, Field(ge=1)]
    size_bytes: Annotated[int, Field(ge=1)]
    signed_at: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
    """When, by the signer's clock (UTC). For the reader; nothing is decided by it."""
    libraries: dict[str, str] = Field(default_factory=dict[str, str])
    """What trained it: versions by library. A pod refuses it when its server has another major or minor version of one."""


def model_id(tenant: str, name: str, artefact: Artefact) -> str:
    """The `ModelId` of a served model's artefact."""
    return f"{tenant}/{name}/{artefact.uri.rstrip('/').rpartition('/')[2]}"


def approved(tenants: Iterable[Tenant], recorded: ModelCatalogue, stage: Stage | None = None) -> list[ApprovedModel]:
    """Every model of `tenants` that may be served: what their files name, and what the catalogue records of them; by model.

    `stage` leaves out what a file names for other stages only, although the list of a tenant has it.

    Where both know a URI the tenant's file wins, as it is what was reviewed last.
    """
    named = list(tenants)
    found = {entry.uri: entry for tenant in named for entry in _named_by(tenant, stage)}
    known = {tenant.name for tenant in named}
    of_other_stages = {entry.uri for tenant in named for entry in _named_by(tenant, None)} - found.keys()
    for entry in recorded.models:
        if entry.tenant in known and (stage is None or entry.uri not in of_other_stages):
            found.setdefault(entry.uri, entry)
    return sorted(found.values(), key=lambda entry: (entry.model, entry.uri))


def trusted(
    cluster: str, account_id: str, entries: Iterable[ApprovedModel], keys: Mapping[str, str], servers: Mapping[str, ModelServer] | None = None
) -> dict[str, object]:  # fmt: skip
    """What the verifier in a pod trusts: keys by name, and models by the URI under which this cluster fetches them.

    `servers` say by served model what loads it there. A version of a model that is served no longer has none.
    """
    listed = list(entries)
    models: dict[str, dict[str, object]] = {}
    for entry in listed:
        told: dict[str, object] = {"model": entry.model, "sha256": entry.sha256, "key_id": entry.key_id}
        if server := (servers or {}).get(entry.served_model):
            told |= {"server": server.name, "libraries": dict(server.libraries)}
        models[cloud_names.in_models_bucket(entry.uri, cluster, account_id)] = told
    wanted = sorted({entry.key_id for entry in listed} & keys.keys())
    return {"keys": {key: keys[key] for key in wanted}, "models": models}


def paths_of(tenant: Tenant) -> dict[str, str]:
    """The key of the tenant's file that names each version, such as `models.scorer.artefact_by_stage.staging`, by URI."""
    found: dict[str, str] = {}
    for name, model in sorted(tenant.models.items()):
        for named in model.named_artefacts():
            found.setdefault(named.artefact.uri, f"models.{name}.{named.path}")
    return found


def _named_by(tenant: Tenant, stage: Stage | None) -> Iterator[ApprovedModel]:
    for name, model in sorted(tenant.models.items()):
        for named in model.named_artefacts(stage):
            yield ApprovedModel(
                model=model_id(tenant.name, name, named.artefact), uri=named.artefact.uri, sha256=named.artefact.sha256,
                key_id=named.artefact.signature.key_id,
            )  # fmt: skip
