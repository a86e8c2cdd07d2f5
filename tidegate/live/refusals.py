"""What admission, a quota or a project refused: told with the field of the tenant's file to change. Waiting never helps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.live.cause import Cause
from tidegate.live.log_lines import one_line

FIELDS: dict[str, tuple[str, ...]] = {
    "forbid-names-of-routes": ("models.{model}",),
    "forbid-shared-hosts": ("host",),
    "forbid-unknown-model-formats": ("models.{model}.runtime",),
    "forbid-zero-on-hot-tiers": ("models.{model}.scaling.min_replicas",),
    "limit-gpu-pods": ("quota.accelerators", "models.{model}.accelerator"),
    "require-approved-images": ("models.{model}.{part}.image",),
    "require-canary-and-approval": ("models.{model}.rollout.strategy", "models.{model}.approval"),
    "require-catalogued-model": ("models.{model}.artefact",),
    "require-immutable-model": ("models.{model}.artefact",),
    "require-priority-of-tier": ("tier",),
    "require-resources": ("models.{model}.resources",),
}
"""What of a tenant's file a policy judges."""

NOT_OF_A_FILE = frozenset({
    "forbid-argo-cd-hooks", "forbid-canary-percent", "forbid-deleted-knative-services", "forbid-deploy-account-in-pods", "forbid-exposed-services",
    "forbid-foreign-knative-routes", "forbid-foreign-releases", "forbid-foreign-routes", "forbid-foreign-status", "forbid-host-access",
    "forbid-reused-revision-names", "forbid-unreleased-files", "forbid-writes-by-tenants", "limit-release-traffic", "require-catalogued-image",
    "require-pinned-runtimes",
})  # fmt: skip
"""Policies that no value of a tenant's file breaks: somebody has edited what was rendered."""

_POLICY_NAMES = re.compile("|".join(sorted({*FIELDS, *NOT_OF_A_FILE}, key=len, reverse=True)))
_QUOTA = re.compile("exceeded quota")
_PROJECT = re.compile("is not permitted in project")
_RANGE = re.compile(r"(?:maximum|minimum) (cpu|memory) usage per ")
_DENIED = re.compile(r"admission webhook|ValidatingAdmissionPolicy|violates PodSecurity|denied (the )?request")
_INVALID = re.compile(r' "[^"]*" is invalid: |field not declared in schema|failed to create typed patch object')
_FORBIDDEN = re.compile("is forbidden")
"""Whoever has not the right is refused, too, though no field of a tenant's file says so."""

_REFUSED = (_QUOTA, _PROJECT, _RANGE, _DENIED, _INVALID, _FORBIDDEN)
_OVER_QUOTA = re.compile(r"requested: (.*?), used: ")

_WORDS: tuple[tuple[str, str], ...] = (
    ("minReplicas", "models.{model}.scaling.min_replicas"),
    ("maxReplicas", "models.{model}.scaling.max_replicas"),
    ("scaleTarget|containerConcurrency", "models.{model}.scaling.concurrency_target"),
    ("timeoutSeconds", "models.{model}.slo.p99_ms"),
    ("progress-deadline", "models.{model}.cold_start"),
    ("scale-to-zero", "models.{model}.scaling.idle_seconds"),
    ("storageUri", "models.{model}.artefact.uri"),
    ("modelFormat|[Rr]untime", "models.{model}.runtime"),
)
"""How the fields of an InferenceService, in which KServe's and Knative's webhooks speak, are called in a tenant's file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Whose object was refused. `part` is empty when it is the InferenceService, which holds all parts.

    `on_cpu` says that the model runs as its `also_on_cpu` says.
    """

    tenant: Tenant
    model: str
    part: str = ""
    on_cpu: bool = False

    @property
    def source(self) -> str:
        """The tenant's file."""
        return tenant_source(self.tenant.name)

    @property
    def _facts(self) -> ServedModel:
        return self.tenant.models[self.model]

    @property
    def _companion(self) -> str:
        return f"models.{self.model}.{self.part}" if self.part in {"transformer", "explainer"} else ""

    def resource(self, name: str) -> str:
        """The field that says how much of `name` (`cpu`, `memory_gib`) a replica has."""
        return f"{self._companion or f'models.{self.model}' + ('.also_on_cpu' if self.on_cpu else '')}.resources.{name}"

    @property
    def ceiling(self) -> str:
        """The field with the most replicas."""
        return f"{self._companion or f'models.{self.model}.scaling'}.max_replicas"

    @property
    def images(self) -> list[str]:
        """The fields with images of this part; the predictor's image is the platform's."""
        has = {"transformer": self._facts.transformer, "explainer": self._facts.explainer}
        return [f"models.{self.model}.{part}.image" for part, companion in has.items() if companion and self.part in {"", part}]


def is_refusal(message: str) -> bool:
    """Whether `message` says that an object was refused, by a rule that `refusal` has words for or by another."""
    whole = " ".join(message.split())
    return any(one.search(whole) for one in _REFUSED)


def refusal(refused: Refused, message: str) -> Cause | None:
    """The cause when quota, policy, webhook, schema or project refused an object; None when `message` tells of something else."""
    whole = " ".join(message.split())  # a field may be named behind where the line is cut
    said = one_line(whole)
    if _QUOTA.search(whole):
        told = whole.partition("exceeded quota: ")[2] or whole
        return Cause(f"quota exceeded: {one_line(told)}", _of_quota(refused, told))
    if _PROJECT.search(whole):
        return Cause(
            f"refused by the tenant's Argo CD project: {said}", f"remove that object from what {refused.source} renders, then commit"
        )
    if ranged := _RANGE.findall(whole):
        fields = [refused.resource("cpu" if one == "cpu" else "memory_gib") for one in dict.fromkeys(ranged)]
        return Cause(f"refused by the namespace's limits: {said}", _step(refused, "lower", fields))
    if _DENIED.search(whole):
        return Cause(f"refused by policy: {said}", _of_policy(refused, whole))
    if _INVALID.search(whole):
        return Cause(f"refused by the API server: {said}", _of_words(refused, whole))
    return None


def _of_quota(refused: Refused, told: str) -> str:
    asked = _OVER_QUOTA.search(told)
    names = [one.partition("=")[0].removeprefix("requests.") for one in asked[1].split(",")] if asked else []
    raised: list[str] = []
    lowered: list[str] = []
    for name in names:
        if name in {"cpu", "memory"}:
            field = "cpu" if name == "cpu" else "memory_gib"
            raised.append(f"quota.{field}")
            lowered.append(refused.resource(field))
        elif "/" in name:
            raised.append(f"quota.accelerators[{name}]")
            lowered.append(f"models.{refused.model}.accelerator.count")
        elif name == "pods":
            raised.append("quota.pods")
    lowered.append(refused.ceiling)
    return f"raise {' and '.join(raised) or 'quota'}, or lower {' or '.join(lowered)}, in {refused.source}, then commit"


def _of_policy(refused: Refused, said: str) -> str:
    if "violates PodSecurity" in said:
        return "correct container_security in clusters/components/serving/runtimes.py, `tidegate render`, then commit"
    # A policy for a kind of object has several rules, and the message begins with the name of the one that was broken.
    named = _POLICY_NAMES.search(said.partition("denied request: ")[2]) or _POLICY_NAMES.search(said)
    if named is None:
        return _of_words(refused, said)
    if named[0] == "require-catalogued-image":
        return CATALOGUED_IMAGE_STEP
    if named[0] in NOT_OF_A_FILE:
        return f"what was refused is not from a field of {refused.source}: `tidegate render`, then commit what it writes"
    if named[0] == "require-approved-images":
        return _step(refused, "change", refused.images) if refused.images else PLATFORM_IMAGE_STEP
    return _step(refused, "change", FIELDS[named[0]])


PLATFORM_IMAGE_STEP = (
    "push the runtime's image to the registry, or correct the runtime's image in clusters/components/serving/images.py, then "
    "`tidegate render` and commit"
)
"""Model servers' images are nobody's but the platform's."""

CATALOGUED_IMAGE_STEP = (
    "here run `tidegate up`, which lists what it builds; in production merge the signed list of `tidegate image publish`"
)
"""Nothing of a tenant's file says which build of a model server runs."""


def _of_words(refused: Refused, said: str) -> str:
    fields = [field for words, field in _WORDS if re.search(words, said)]
    if fields:
        return _step(refused, "change", fields[:1])
    return f"change what the message names in {refused.source}, `tidegate render`, then commit"


def _step(refused: Refused, verb: str, fields: Sequence[str]) -> str:
    named = " or ".join(field.format(model=refused.model, part=refused.part) for field in fields)
    return f"{verb} {named} in {refused.source}, then commit"
