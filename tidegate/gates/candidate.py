"""A version that is to be judged, as a tenant of its own: the same model and limits beside the one that serves, called by the gate only.

It is a tenant and nothing special, so that the renderer, the policies and the isolation are those of every tenant. Its files are copies below
its own prefix of the registry, signed with the gate's key: nobody else's signature lets them in.
"""

from __future__ import annotations

import re

from pydantic import ValidationError

from tidegate.errors import UsageError
from tidegate.facts import names
from tidegate.facts.callers.caller import Caller
from tidegate.facts.models.artefact import Artefact, CpuArtefact, Signature
from tidegate.facts.models.dense_pool import DensePool, PoolAccess
from tidegate.facts.models.embedded_profile import ScaleProfile
from tidegate.facts.models.rollout import Rollout
from tidegate.facts.models.scaling import Scaling
from tidegate.facts.models.served_model import Companion, ServedModel
from tidegate.facts.tenant import Quota, Tenant, Tier, replica_parts

SUFFIX = "-gate"
"""Of the tenant's name: `fraud` is judged in `fraud-gate`."""

SUBJECT = "merge-gate"
"""The one caller."""

KEY = "merge-gate"
"""The key that signs candidates' files."""

_REPLICAS = 2
"""What the quota has room for: the replica that is asked, and one that replaces it when its node goes. While the scale gate judges, one beside
those of the ceiling: the replica that was there before."""


def candidate_name(tenant: str) -> str:
    """The name of a tenant's candidate. Raises `UsageError` where it would be longer than a tenant's name may be."""
    name = f"{tenant}{SUFFIX}"
    if len(name) > names.TENANT_NAME_MAX:
        raise UsageError(
            f"{name} is longer than {names.TENANT_NAME_MAX} characters; the gate needs a tenant's name of at most {names.TENANT_NAME_MAX - len(SUFFIX)}"
        )
    return name


def candidate_of(
    tenant: Tenant, model: str, sha256: str, *, cluster: str, cpu_sha256: str | None = None, scale: ScaleProfile | None = None
) -> Tenant:
    """The tenant in which version `tenant.models[model].artefact` is judged in `cluster`, with one replica of each part.

    `sha256` is the digest of the copied files, and `cpu_sha256` of those for CPU where the model has such. With `scale` the predictor has
    those limits. Raises `UsageError` when the tenant's name leaves no room for the suffix.
    """
    name, served = candidate_name(tenant.name), tenant.models[model]
    copied = _copied(served.artefact, name, model, sha256)
    on_cpu = served.also_on_cpu
    if on_cpu and on_cpu.artefact:
        files = _copied_for_cpu(on_cpu.artefact, name, model, cpu_sha256 or on_cpu.artefact.sha256)
        on_cpu = on_cpu.model_copy(update={"artefact": files})
    judged = served.model_copy(
        update={
            "artefact": copied, "artefact_by_stage": {}, "also_on_cpu": on_cpu, "approval": None,
            "rollout": Rollout() if served.scaling.mode == "knative" else served.rollout, "dense_pool": _open_to_gate(served.dense_pool),
            "scaling": _scaled(scale) if scale else _one_replica(served.scaling),
            "transformer": _one(served.transformer), "explainer": _one(served.explainer),
            "golden_set": served.golden_set.model_copy(update={"uri": _own(served.golden_set.uri, tenant.name, name)}),
        }
    )  # fmt: skip
    made = tenant.model_copy(
        update={
            "name": name, "tier": Tier.STANDARD, "clusters": (cluster,), "namespace": None, "host": None, "quota": _quota(judged, scale.max_replicas.value + 1 if scale else _REPLICAS),
            "callers": (Caller(subject=SUBJECT),), "cors_origins": (), "models": {model: judged},
        }
    )  # fmt: skip
    try:
        return Tenant.model_validate_json(made.model_dump_json(exclude_unset=True))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{tenant.name}/{model} cannot be judged as {name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _copied(artefact: Artefact, tenant: str, model: str, sha256: str) -> Artefact:
    uri = f"{names.MODEL_REGISTRY_URI}{tenant}/{model}/{artefact.version}"
    return artefact.model_copy(update={"uri": uri, "sha256": sha256, "signature": _signature(uri)})


def _copied_for_cpu(artefact: CpuArtefact, tenant: str, model: str, sha256: str) -> CpuArtefact:
    uri = f"{names.MODEL_REGISTRY_URI}{tenant}/{model}/{artefact.uri.rstrip('/').rpartition('/')[2]}"
    return artefact.model_copy(update={"uri": uri, "sha256": sha256, "signature": _signature(uri)})


def _signature(uri: str) -> Signature:
    return Signature(uri=f"{uri}/model.sig", key_id=KEY)


def _own(uri: str, tenant: str, candidate: str) -> str:
    """The same place below the candidate's own prefix."""
    return re.sub(rf"^({re.escape(names.MODEL_REGISTRY_URI)}){re.escape(tenant)}/", rf"\g<1>{candidate}/", uri)


def _one_replica(scaling: Scaling) -> Scaling:
    written = scaling.model_dump(exclude_unset=True)
    written.pop("idle_seconds", None)  # nothing goes to zero while it is judged
    return Scaling.model_validate({**written, "min_replicas": 1, "max_replicas": 1})


def _scaled(scale: ScaleProfile) -> Scaling:
    return Scaling(
        min_replicas=scale.min_replicas.value, max_replicas=scale.max_replicas.value,
        requests_per_second_target=scale.requests_per_second_target.value,
    )  # fmt: skip


def _open_to_gate(pool: DensePool | None) -> DensePool | None:
    return pool.model_copy(update={"access": (PoolAccess(subject=SUBJECT, models=("*",)),)}) if pool else None


def _one(companion: Companion | None) -> Companion | None:
    return companion.model_copy(update={"min_replicas": 1, "max_replicas": 1}) if companion else None


def _quota(model: ServedModel, replicas: int) -> Quota:
    parts = [resources for _, _, resources in replica_parts(model)]
    share = model.accelerator
    return Quota(
        cpu=round(replicas * sum(one.cpu for one in parts), 3), memory_gib=replicas * sum(one.memory_gib for one in parts),
        pods=replicas * len(parts), accelerators={share.resource_name: replicas * share.count} if share else {},
    )  # fmt: skip
