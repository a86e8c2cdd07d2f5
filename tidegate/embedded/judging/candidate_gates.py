"""The gates that ask a candidate in a running embedded region: each brings up what it needs, and all of it is removed in the end.

One candidate at a time: they share two cores with what they are compared with.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.embedded import example_models, prediction
from tidegate.embedded.fleet import bring_up as fleet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.judging import candidates, region_registry
from tidegate.embedded.judging.candidates import Standing, Wanted
from tidegate.embedded.judging.golden_set import Judged, Served, measure_in_region
from tidegate.embedded.judging.scale import Run, wanted_limits
from tidegate.embedded.judging.scale import measure_in_region as measure_scale
from tidegate.embedded.judging.sent_load import Load, send_load
from tidegate.embedded.model_index import Sample, find_version, read_index, read_sample
from tidegate.errors import MachineError, UsageError
from tidegate.facts.embedded import path_served_here, served_here
from tidegate.facts.inventory.profiles import load_profiles
from tidegate.facts.models.embedded_profile import ScaleProfile
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.gates.change.picking import Picked
from tidegate.gates.golden_set.judge import judge as judge_golden
from tidegate.gates.merge import Gate, Measured, NotExecutedError
from tidegate.gates.names import GOLDEN_SET, LOAD, SCALE
from tidegate.gates.scale.judge import judge as judge_scale
from tidegate.live.states import is_executed
from tidegate.repository.merge.git import extract
from tidegate.tools.progress import OnProgress


@contextmanager
def candidate_gates(
    checkout: Checkout, judged: Platform, tree: Path, base: str, *, region: str, say: OnProgress,
) -> Generator[dict[str, Gate]]:  # fmt: skip
    """The gates by name. `judged` are the facts of the change, in `tree`; those of `base` are what the region is taken to run.

    The candidate is removed in the end, whatever happened.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-gates-") as scratch:
        root = Path(scratch) / "base"
        root.mkdir()
        extract(checkout, base, root)
        place = _Gates(checkout, judged, tree, root, region, say, Path(scratch))
        try:
            yield {GOLDEN_SET: place.golden_set, LOAD: place.load, SCALE: place.scale}
        finally:
            place.remove()


_NOT_FOUND, _ROUTE_SECONDS = 404, 60.0
"""The gateways have a new route within a second or two; tenths of a second were seen where it came too late."""


@dataclass
class _Gates:
    checkout: Checkout
    judged: Platform
    tree: Path
    root: Path
    region: str
    say: OnProgress
    scratch: Path
    _standing: dict[str, tuple[Standing, ScaleProfile | None]] = field(default_factory=dict[str, tuple[Standing, ScaleProfile | None]])
    """The one candidate that is up and what its replicas are scaled by, by `<tenant>/<model>`."""

    def golden_set(self, picked: Picked) -> Measured:
        """The rows of the set, asked of both versions through the edge."""
        standing, local = self._ask(picked.subject)
        tenant, model = self._judged(picked.subject)
        models = example_models.train(self.checkout, self.say)
        serving = self._serving(local, tenant.name, model)
        samples = measure_in_region(
            local, models, self.region, Served(standing.tenant, model), Served(serving, model) if serving else None,
            judged=Judged(Served(tenant, model), self._training(local, models, tenant, model)), is_first=serving is None, on_progress=self.say,
        )  # fmt: skip
        return Measured(samples.model_dump_json().encode(), judge_golden(samples), self._substituted(tenant, model))

    def load(self, picked: Picked) -> Measured:
        """Both versions under the embedded profile at once; the one that serves has to keep the limits, too."""
        standing, local = self._ask(picked.subject)
        tenant, model = self._judged(picked.subject)
        samples = self.scratch / "recording.json"
        sent = Load(picked.subject, standing.tenant, self._sample(picked.subject), self.tree, self._serving(local, tenant.name, model))
        verdict = send_load(self.checkout, local, self.region, sent, samples)
        return Measured(samples.read_bytes() if samples.is_file() else b"", verdict, self._substituted(tenant, model))

    def scale(self, picked: Picked) -> Measured:
        """The candidate again, with replicas that may come and go, under a rate that rises in steps."""
        tenant, model = self._executed(picked.subject)
        served, profile = tenant.models[model], load_profiles(self.tree, self.judged).get(picked.subject)
        limits = wanted_limits(picked.subject, served, profile)
        assert profile is not None
        standing, local = self._ask(picked.subject, limits)
        sent = Load(picked.subject, standing.tenant, self._sample(picked.subject), self.tree)
        samples = measure_scale(self.checkout, local, self.region, Run(picked.subject, standing, sent, profile, served), self.say)
        return Measured(samples.model_dump_json().encode(), judge_scale(samples), self._substituted(tenant, model))

    def remove(self) -> None:
        """Takes the candidate away that is up, if one is."""
        for subject in list(self._standing):
            tenant = subject.partition("/")[0]
            candidates.remove(self.checkout, tenant, self.region, f"The gates of {subject} have ended.", self.say, root=self.root)
            del self._standing[subject]

    def _ask(self, subject: str, scale: ScaleProfile | None = None) -> tuple[Standing, Local]:
        """The candidate, brought up when it is not up yet with these limits, and the regions with it."""
        tenant, model = self._executed(subject)
        if subject not in self._standing:
            self.remove()
        if subject not in self._standing or self._standing[subject][1] != scale:
            here = served_here(tenant.models[model])
            standing = candidates.bring_up(self.checkout, Wanted(tenant, model, here, scale), self.region, self.say, root=self.root)
            self._standing[subject] = standing, scale
            self._await_route(subject, standing)
        return self._standing[subject][0], fleet.open_local(self.checkout)

    def _executed(self, subject: str) -> tuple[Tenant, str]:
        tenant, model = self._judged(subject)
        served = tenant.models[model]
        if not is_executed(served):
            card = served.accelerator.accelerator if served.accelerator else "a server of its own"
            raise NotExecutedError(
                f"{subject} needs {card}, and names no also_on_cpu; judge it where there is one, with `tidegate gate golden` and `tidegate gate load`"
            )
        return tenant, model

    def _await_route(self, subject: str, standing: Standing) -> None:
        """Until the edge finds it: a candidate that comes back as it was is called ready before its route is there (decision 0046)."""
        try:
            sample = self._sample(subject)
        except NotExecutedError:
            return  # whichever gate needs one says so
        local, until = fleet.open_local(self.checkout), time.monotonic() + _ROUTE_SECONDS
        while (
            prediction.call(local, standing.tenant, standing.model, sample.request, path=sample.path, region=self.region).status
            == _NOT_FOUND
        ):
            if time.monotonic() > until:
                raise MachineError(
                    f"{standing.tenant.name}/{standing.model} is ready in {self.region}, and its edge answers 404 for {_ROUTE_SECONDS} s; "
                    "see `tidegate status`"
                )
            self.say(self.region, f"waiting for the edge to find {standing.tenant.name}/{standing.model}")
            time.sleep(1)

    def _judged(self, subject: str) -> tuple[Tenant, str]:
        tenant, _, model = subject.partition("/")
        if tenant not in self.judged.tenants or model not in self.judged.tenants[tenant].models:
            raise UsageError(f"{subject} is no served model of the change")
        return self.judged.tenants[tenant], model

    def _serving(self, local: Local, tenant: str, model: str) -> Tenant | None:
        """The tenant whose model the region serves already; None for a new one."""
        is_there = (self.root / f"gitops/rendered/{self.region}/tenants/{tenant}/inferenceservice-{model}.yaml").is_file()
        found = local.platform.tenants.get(tenant)
        return found if found and is_there and model in found.models else None

    def _training(self, local: Local, models: Path, tenant: Tenant, model: str) -> Path | None:
        """The list of rows that the judged version learnt from: what training left, else what was published beside the version."""
        path = path_served_here(tenant.models[model])
        if trained := find_version(models, path):
            return models / trained.trained_on
        version = path.rpartition("/")[2].removesuffix("-cpu")
        return region_registry.find_file(
            local, self.region, f"{tenant.name}/{model}/trained-on/{version}", "rows.txt", self.scratch / "trained-on"
        )

    def _sample(self, subject: str) -> Sample:
        """A ready request: the sample of the version that is judged, or of another one of the model."""
        tenant, model = self._judged(subject)
        models = example_models.train(self.checkout, self.say)
        wanted = path_served_here(tenant.models[model])
        of_model = [one for one in read_index(models) if f"{one.tenant}/{one.model}" == subject]
        found = find_version(models, wanted) or next(iter(of_model), None)
        if found is None:
            raise NotExecutedError(f"there is no sample request of {subject}; train its example, or send load with `tidegate gate load`")
        return read_sample(models, found)

    def _substituted(self, tenant: Tenant, model: str) -> str:
        served = tenant.models[model]
        if served.also_on_cpu is None or served.accelerator is None:
            return ""
        return f"{served.also_on_cpu.runtime} on CPU in place of {served.runtime} on {served.accelerator.accelerator}"
