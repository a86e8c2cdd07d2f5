"""The running embedded platform as the tests of this folder see it, and how they wait for it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.acceptance.access_review import Api
from tests.acceptance.kept_kubernetes import KeptKubernetes, Readers
from tests.root import ROOT
from tests.suite.telling import tell
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import prediction
from tidegate.embedded.fleet.bring_up import Local, kubeconfig_path
from tidegate.embedded.fleet.machine_view import ProgramState, read_programs
from tidegate.embedded.model_index import Sample, find_version, read_sample
from tidegate.embedded.region_status import RegionState, read_region_through
from tidegate.errors import TidegateError
from tidegate.facts import inventory, names
from tidegate.facts.embedded import path_served_here
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.tenant import Tenant
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import look, look_up
from tidegate.live.observed import Application, InferenceService
from tidegate.live.states import is_executed

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")

INVENTORY = inventory.load(ROOT)
"""Read once: what there is to test is named by it, before anything runs."""

REGIONS = sorted(INVENTORY.clusters)
MODELS = sorted(
    (region, f"{tenant.name}/{name}") for region in REGIONS for tenant in INVENTORY.tenants_of(region) for name in tenant.models
)
EXECUTED = [
    (region, reference)
    for region, reference in MODELS
    if is_executed(INVENTORY.tenants[reference.split("/")[0]].models[reference.split("/")[1]])
]
PLATFORM = "platform"
"""In place of a tenant: what belongs to none."""

SCHEDULED = [one for one in MODELS if one not in EXECUTED]

SeenT = TypeVar("SeenT")


@dataclass(frozen=True, slots=True, repr=False)
class Running:
    """A platform that is live. `is_ours` says whether this session brought it up, and so may end it."""

    local: Local
    programs: Mapping[str, Path]
    models: Path
    ports: Mapping[str, int]
    is_ours: bool
    readers: Readers = field(default_factory=Readers)

    def close(self) -> None:
        """Ends the connections that were kept."""
        self.readers.close()

    @property
    def checkout(self) -> Checkout:
        return self.local.checkout

    def cluster(self, region: str) -> Kubernetes:
        kubeconfig = kubeconfig_path(self.local, region)
        reader = self.readers.of(kubeconfig)
        return KeptKubernetes(self.programs["kubectl"], kubeconfig, reader) if reader else Kubernetes(self.programs["kubectl"], kubeconfig)

    def api(self, region: str) -> Api:
        """The API server over kept connections; to be closed."""
        return Api(kubeconfig_path(self.local, region))

    def state(self, region: str) -> RegionState:
        return read_region_through(self.cluster(region), self.local, region)

    def inside(self, machine: str, *command: str, timeout_seconds: float = 60) -> str:
        """What `command` printed inside a machine."""
        return tools.run(self.local.machine(machine).inside(*command), timeout_seconds=timeout_seconds).stdout

    def read(self, region: str, *arguments: str) -> Any:
        """What `kubectl get` answers, as JSON."""
        return json.loads(self.cluster(region).run("get", *arguments, "--output=json"))

    def supervised(self, machine: str) -> dict[str, ProgramState]:
        return {one.name: one for one in read_programs(self.local.machine(machine).sockets / "supervisor.sock")}

    def wait_until_live(self, region: str, *, of: str | None = None, patience_seconds: float = 240) -> float:
        """Seconds until nothing is waited for any more: of the whole region, of one tenant, or of the platform (`PLATFORM`)."""

        def look() -> list[str]:
            if of is not None and of != PLATFORM:
                return self.tenant_waits_for(region, of)
            state = self.state(region)
            return [told for one, told in zip(state.waiting_for, state.told, strict=True) if of is None or is_of_platform(one)]

        what = f"{region} is live" if of is None else f"{of} is live in {region}"
        pause_seconds = 1 if of in INVENTORY.tenants else 2  # the whole region's state is a megabyte of JSON
        return wait_for(what, look, lambda waiting: not waiting, patience_seconds, pause_seconds)

    def tenant_waits_for(self, region: str, tenant: str) -> list[str]:
        """What of a tenant is not live: its Applications, and its models that are executed; asks for these alone."""
        cluster, facts = self.cluster(region), INVENTORY.tenants[tenant]
        applications = [f"application/{name}" for name in applications_of(tenant)]
        found = look_up(cluster, [(Application, name) for name in applications_of(tenant)], namespace=names.NAMESPACE_ARGOCD).of(
            Application
        )
        models = look(cluster, [InferenceService], f"--namespace={facts.namespace_name}").of(InferenceService)
        live = {f"application/{one.metadata.name}" for one in found if one.is_live}
        ready = {one.metadata.name for one in models if one.status.is_true("Ready") and not one.is_leaving}
        executed = [name for name, model in facts.models.items() if is_executed(model)]
        return [one for one in applications if one not in live] + [f"{tenant}/{name}" for name in executed if name not in ready]

    def places(self, region: str, reference: str) -> list[str]:
        """The node of each of a model's pods, or nothing while it has none; pods on their way out are left aside."""
        tenant, _ = model_of(reference)
        selector = f"--selector={names.KSERVE_LABEL_MODEL}={reference.split('/')[1]}"
        pods = self.read(region, "pods", f"--namespace={tenant.namespace_name}", selector)["items"]
        return [pod["spec"].get("nodeName", "") for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def schedule(self, region: str, reference: str) -> list[str]:
        """The nodes of the pods of a model for a GPU alone; asks for it once when it is at zero, which nobody answers."""

        def look() -> list[str]:
            return [node for node in self.places(region, reference) if node]

        if not look():
            with contextlib.suppress(prediction.PredictionError):
                self.ask(region, reference, timeout_seconds=3)
            wait_for(f"{reference} is scheduled in {region}", look, bool, 90, 1)
        return look()

    def sample(self, reference: str, version: str | None = None) -> Sample:
        """Request and expected answer of a model's version, by default the one that the inventory names."""
        _, model = model_of(reference)
        path = path_served_here(model, version)
        found = find_version(self.models, path)
        assert found, f"no trained version {path} of {reference}"
        return read_sample(self.models, found)

    def ask(self, region: str, reference: str, *, version: str | None = None, timeout_seconds: float = 120) -> prediction.ModelAnswer:
        """The model's sample sent through the edge of that region as its first caller would."""
        tenant, _ = model_of(reference)
        sample = self.sample(reference, version)
        name = reference.split("/")[1]
        return prediction.call(self.local, tenant, name, sample.request, path=sample.path, region=region, timeout_seconds=timeout_seconds)


def is_of_platform(waited_for: str) -> bool:
    """Whether one of the things that a region waits for is no tenant's, nor the Application that holds all others."""
    of_tenants = {application for tenant in INVENTORY.tenants for application in applications_of(tenant)}
    return waited_for not in {names.ROOT_APPLICATION, *of_tenants} and waited_for.partition("/")[0] not in INVENTORY.tenants


def applications_of(tenant: str) -> tuple[str, str]:
    """The two Applications of a tenant."""
    return names.tenant_application(tenant), names.guard_rails_application(tenant)


def model_of(reference: str) -> tuple[Tenant, ServedModel]:
    tenant, _, name = reference.partition("/")
    return INVENTORY.tenants[tenant], INVENTORY.tenants[tenant].models[name]


def wait_for(
    what: str, look: Callable[[], SeenT], is_right: Callable[[SeenT], bool], patience_seconds: float, pause_seconds: float = 0.5,
) -> float:  # fmt: skip
    """Looks until what is seen is right; the seconds it took. Fails naming `what` and what was seen last.

    A look that the platform refuses counts as one that saw the refusal: things are allowed to be down meanwhile.
    """
    started = time.monotonic()
    said = started
    while True:
        seen: object
        try:
            found = look()
            if is_right(found):
                return round(time.monotonic() - started, 2)
            seen = found
        except TidegateError as error:
            seen = error
        waited = time.monotonic() - started
        if waited > patience_seconds:
            pytest.fail(f"not within {patience_seconds:g} s: {what}; last seen: {str(seen)[:1500]}", pytrace=False)
        if time.monotonic() - said > 4:
            said = time.monotonic()
            tell(f"waiting for {waited:.0f} s: {what}")
        time.sleep(pause_seconds)
