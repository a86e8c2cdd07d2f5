"""Lets the rate at a candidate in a running region rise in steps, and looks at its replicas every second meanwhile."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import example_models
from tidegate.embedded.fleet import bring_up as fleet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.judging import candidates
from tidegate.embedded.judging.candidates import Standing
from tidegate.embedded.judging.sent_load import Load, send_load
from tidegate.embedded.prediction import PredictionError, sample_of
from tidegate.errors import ToolError, UsageError
from tidegate.facts import inventory
from tidegate.facts.inventory.profiles import PROFILES, load_profiles
from tidegate.facts.models.embedded_profile import NO_EVIDENCE, EmbeddedProfile, Scaled, ScaleProfile
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.numerals import decimal
from tidegate.gates.scale.samples import Look, ScaleSamples, Sent
from tidegate.gates.verdict import Verdict
from tidegate.live.autoscalers import ScaledModel
from tidegate.tools.progress import OnProgress
from tidegate.tools.waiting import wait_until

_SETTLED_SECONDS = 240
"""Until the candidate works by the limits of the profile; a revision with others may have to go first."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the gate."""

    subject: str
    """`<tenant>/<model>` whose profile counts."""
    standing: Standing
    load: Load
    profile: EmbeddedProfile
    model: ServedModel
    """As the judged facts have it."""


def wanted_limits(reference: str, model: ServedModel, profile: EmbeddedProfile | None, max_replicas: int | None = None) -> ScaleProfile:
    """What a model's candidate is scaled by, with another ceiling if one is given. Raises `UsageError` where nothing says it."""
    if not model.scaling.follows_requests:
        raise UsageError(f"{reference} has a fixed number of replicas or scales on CPU; nothing has to follow its requests")
    if profile is None or profile.scale is None:
        raise UsageError(
            f"{PROFILES.as_posix()}: profiles.{reference}.scale is missing; add it, or give the model a fixed number of replicas"
        )
    if max_replicas is None:
        return profile.scale
    lower = Scaled[int](value=max_replicas, reason="Given by hand, to see what another ceiling does.")
    return profile.scale.model_copy(update={"max_replicas": lower})


def measure_version(
    checkout: Checkout, reference: str, version: str, region: str, say: OnProgress, *, max_replicas: int | None = None
) -> ScaleSamples:
    """Brings a version up as a candidate with the limits of its profile, measures, and removes it.

    Raises `UsageError` for what cannot be judged so, and what `candidates.bring_up` raises.
    """
    local = fleet.open_local(checkout)
    wanted = candidates.wanted_version(local, reference, version)
    served = wanted.tenant.models[wanted.model]
    profile = load_profiles(checkout.root, inventory.load(checkout.root)).get(reference)
    limits = wanted_limits(reference, served, profile, max_replicas)
    assert profile is not None
    sample = sample_of(example_models.train(checkout, say), wanted.tenant, wanted.model)
    try:
        standing = candidates.bring_up(checkout, replace(wanted, scale=limits), region, say)
        load = Load(reference, standing.tenant, sample, checkout.root)
        return measure_in_region(checkout, fleet.open_local(checkout), region, Run(reference, standing, load, profile, served), say)
    finally:
        candidates.remove(checkout, wanted.tenant.name, region, f"The scale gate of {reference} has ended.", say)


def measure_in_region(checkout: Checkout, local: Local, region: str, run: Run, say: OnProgress) -> ScaleSamples:
    """Every request of the steps, and the replicas of the candidate every second.

    Raises `MachineError` when the candidate does not settle at its floor, and `PredictionError` when nothing was recorded.
    """
    profile, tenant = run.profile.scale, run.standing.tenant
    assert profile is not None
    programs = fleet.prepare(checkout, say).programs
    scaled = ScaledModel(fleet.cluster_of(local, region, programs), tenant.namespace_name, run.load.model)
    scaling = tenant.models[run.load.model].scaling
    found = ("", "")

    def is_settled() -> bool:
        nonlocal found
        found = scaled.settled(scaling)
        return bool(found[0])

    wait_until(
        is_settled, f"{run.subject} to be scaled by its profile", patience_seconds=_SETTLED_SECONDS, pause_seconds=2, why_not=lambda: found[1],
        say=lambda line: say(region, line),
    )  # fmt: skip
    steps = [{"seconds": seconds, "requests_per_second": rate} for seconds, rate in profile.phases]
    load = replace(run.load, arrivals=json.dumps({"shape": "steps", "steps": steps}))
    say(run.subject, f"{', '.join(f'{decimal(rate)}/s for {decimal(seconds)} s' for seconds, rate in profile.phases)}")
    with tempfile.TemporaryDirectory(prefix="tidegate-scale-") as scratch:
        recording = Path(scratch) / "recording.json"
        with _watched(scaled, found[0]) as looks:
            said = send_load(checkout, local, region, load, recording)
        sent = _sent(checkout, recording, said)
    return ScaleSamples(
        subject=run.subject, version=run.standing.version, profile=profile, max_replicas=scaling.max_replicas,
        limit_ms=run.profile.p99_ms.value, sent=sent,
        looks=tuple(one.model_copy(update={"seconds": round(one.seconds - sent.begin_monotonic, 3)}) for one in looks),
        notes=(_signal(run.model), NO_EVIDENCE),
    )  # fmt: skip


def _signal(model: ServedModel) -> str:
    if model.scaling.metric == "rps":
        return f"the model itself is scaled on {model.scaling.target} requests a second per replica"
    return f"scaled on requests per second, which two cores cannot blur; the model itself is scaled on {model.scaling.target} requests in flight"


@contextmanager
def _watched(scaled: ScaledModel, revision: str) -> Generator[list[Look]]:
    """Looks every second as long as the body lasts; a look that fails is left out, and seen as a gap by who judges."""
    looks: list[Look] = []
    stop = threading.Event()

    def watch() -> None:
        while True:
            begun = time.monotonic()
            try:
                seen = scaled.replicas(revision)
            except (ToolError, ValidationError):
                pass
            else:
                looks.append(Look(seconds=time.monotonic(), ready=seen.ready, wanted=seen.wanted))
            if stop.wait(max(0.0, _LOOK_SECONDS - (time.monotonic() - begun))):
                return

    watcher = threading.Thread(target=watch, name="replicas", daemon=True)
    watcher.start()
    try:
        yield looks
    finally:
        stop.set()
        watcher.join()


def _sent(checkout: Checkout, recording: Path, said: Verdict) -> Sent:
    """What became of each request; `said` is what the load program made of them."""
    told = tools.run_program(checkout.python, "loadtests", "--requests", str(recording), cwd=checkout.root).stdout
    if not told.strip():
        raise PredictionError(f"the load program kept no recording: {'; '.join(map(str, said.reasons))}")
    return Sent.model_validate_json(told)
