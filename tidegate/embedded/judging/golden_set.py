"""Asks a golden set of models in a running embedded region: the address, the certificates, the token and the set are found here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.asking.callers import BROKEN_OFF, NOT_IN_TIME, NoReplyError, Reply
from tidegate.asking.golden_folder import read_golden
from tidegate.asking.golden_run import Asked, measure
from tidegate.embedded import prediction
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.model_index import find_version
from tidegate.embedded.prediction import PredictionError
from tidegate.errors import UsageError
from tidegate.facts.embedded import path_served_here
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.names import MODEL_REGISTRY_URI
from tidegate.facts.tenant import Tenant
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.live.states import SCHEDULED_ONLY, is_executed


@dataclass(frozen=True, slots=True)
class Served:
    """A model of a tenant, which need not be one of the committed ones: a candidate has a tenant of its own."""

    tenant: Tenant
    name: str

    @property
    def facts(self) -> ServedModel:
        """Of the model."""
        return self.tenant.models[self.name]

    @property
    def reference(self) -> str:
        """`<tenant>/<name>`."""
        return f"{self.tenant.name}/{self.name}"


@dataclass(frozen=True, slots=True)
class Judged:
    """Whose golden set is asked, and the list of rows that the candidate learnt from; None where there is none."""

    served: Served
    training: Path | None


def measure_in_region(
    local: Local, models: Path, region: str, candidate: Served, serving: Served | None = None, *, judged: Judged | None = None, is_first: bool = False,
    on_progress: Callable[[str, str], None] = lambda _subject, _what: None,
) -> GoldenSamples:  # fmt: skip
    """What the candidate and the version that serves answer at the edge of `region`. `models` is the folder of trained models.

    `judged` is whose set it is and what the candidate learnt from, where the candidate's own facts do not say so.

    Raises `UsageError` for a model or version that is not there and `PredictionError` when the region cannot be asked at all.
    """
    for served in (candidate, *([serving] if serving else [])):
        if not is_executed(served.facts):
            raise PredictionError(f"{served.reference} is {SCHEDULED_ONLY}, so nothing answers for it here; judge it where its cards are")
    of = judged or _of_itself(models, candidate)
    folder = read_golden(models / of.served.facts.golden_set.uri.removeprefix(MODEL_REGISTRY_URI))
    return measure(
        of.served.reference, of.served.facts, folder, _asked(local, region, candidate), _asked(local, region, serving) if serving else None,
        is_first=is_first, training=of.training, note=f"asked at the edge of {region}, an embedded region", on_progress=on_progress,
    )  # fmt: skip


def _of_itself(models: Path, candidate: Served) -> Judged:
    path = path_served_here(candidate.facts)
    trained = find_version(models, path)
    if trained is None:
        raise UsageError(f"{path} is not among the trained models; correct artefact.uri of {candidate.reference}")
    return Judged(candidate, models / trained.trained_on)


def _asked(local: Local, region: str, served: Served) -> Asked:
    if region not in local.platform.clusters or region not in served.tenant.clusters:
        known = ", ".join(sorted(local.platform.clusters))
        raise UsageError(f"{served.tenant.name} does not run in {region!r}; name one of its clusters, there are {known}")
    token = prediction.token_for(local, served.tenant, region)
    host = served.tenant.host_in(local.platform.clusters[region].domain)

    def call(path: str, body: bytes) -> Reply:
        try:
            answer = prediction.call(local, served.tenant, served.name, body, path=path, region=region, token=token)
        except PredictionError as error:
            if error.__cause__ is None:
                raise NoReplyError("no edge answers") from error
            raise NoReplyError(NOT_IN_TIME if isinstance(error.__cause__, TimeoutError) else BROKEN_OFF) from error
        return Reply(answer.status, answer.body.encode())

    version = path_served_here(served.facts)
    return Asked(version=version, name=served.name, url=f"https://{host}/{served.name}", caller=call)
