"""One candidate for all gates of a model: the scale gate gives it other limits in place. Regions and generators are replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.root import ROOT
from tests.tidegate.gates.scale.runs import run
from tidegate.checkout import Checkout
from tidegate.embedded import example_models
from tidegate.embedded.fleet import bring_up as fleet
from tidegate.embedded.judging import candidate_gates, candidates
from tidegate.embedded.judging.candidates import Standing, Wanted
from tidegate.embedded.model_index import Sample
from tidegate.errors import TidegateError
from tidegate.facts import inventory
from tidegate.facts.inventory.profiles import load_profiles
from tidegate.facts.models.embedded_profile import EmbeddedProfile
from tidegate.gates.candidate import candidate_of
from tidegate.gates.change.picking import Picked
from tidegate.gates.merge import Gate, State, run_gates
from tidegate.gates.scale.samples import ScaleSamples
from tidegate.gates.verdict import Outcome, Reason, Verdict

PLATFORM = inventory.load(ROOT)
PROFILES = load_profiles(ROOT, PLATFORM)


@dataclass
class Region:
    """What was done in it, and the profiles that count."""

    done: list[str] = field(default_factory=list[str])
    profiles: dict[str, EmbeddedProfile] = field(default_factory=lambda: dict(PROFILES))

    def bring_up(self, _checkout: Checkout, wanted: Wanted, name: str, *_given: object, **_options: object) -> Standing:
        self.done.append(f"up {wanted.tenant.name}/{wanted.model}, {wanted.scale.max_replicas.value if wanted.scale else 1} at most")
        made = candidate_of(wanted.tenant, wanted.model, "a" * 64, cluster=name, cpu_sha256="b" * 64, scale=wanted.scale)
        return Standing(made, wanted.model, wanted.artefact.uri, name, "h", 1.0)

    def remove(self, _checkout: Checkout, tenant: str, *_given: object, **_options: object) -> float:
        self.done.append(f"down {tenant}")
        return 1.0

    def send_load(self, *_given: object) -> Verdict:
        self.done.append("load")
        return Verdict("load", (Reason(Outcome.INCONCLUSIVE, "it", "so it was"),))

    def measure_scale(self, *given: object) -> ScaleSamples:
        measured = given[3]
        assert isinstance(measured, candidate_gates.Run)
        self.done.append(f"steps at {measured.standing.tenant.name}")
        return run()

    def load_profiles(self, *_given: object) -> dict[str, EmbeddedProfile]:
        return self.profiles


def giving(value: object) -> Callable[..., object]:
    def given(*_given: object, **_options: object) -> object:
        return value

    return given


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Region:
    found = Region()
    sample = Sample(path="/p", request={}, pointer="outputs", expected=(1.0,))
    stubs: list[tuple[ModuleType, str, object]] = [
        (candidates, "bring_up", found.bring_up), (candidates, "remove", found.remove), (example_models, "train", giving(tmp_path)),
        (fleet, "open_local", giving(SimpleNamespace(platform=PLATFORM))),
        *((candidate_gates, name, getattr(found, name)) for name in ("send_load", "measure_scale", "load_profiles")),
        *((candidate_gates, name, giving(value)) for name, value in (("extract", None), ("read_index", ()), ("find_version", 1), ("read_sample", sample))),
    ]  # fmt: skip
    stubs.append((candidate_gates, "prediction", SimpleNamespace(call=giving(SimpleNamespace(status=200)))))
    for module, name, stub in stubs:
        monkeypatch.setattr(module, name, stub)
    return found


def unheard(_subject: str, _what: str) -> None:
    """Nobody waits."""


@pytest.fixture
def gates(region: Region) -> Iterator[dict[str, Gate]]:
    assert not region.done
    with candidate_gates.candidate_gates(Checkout(ROOT), PLATFORM, ROOT, "main", region="live-1", say=unheard) as found:
        yield found


def picked(gate: str, subject: str = "fraud/scorer") -> Picked:
    return Picked(gate=gate, subject=subject, because=("x",))


def test_scale_gate_gives_the_candidate_that_is_there_other_limits(region: Region) -> None:
    with candidate_gates.candidate_gates(Checkout(ROOT), PLATFORM, ROOT, "main", region="live-1", say=unheard) as gates:
        gates["load"](picked("load"))
        measured = gates["scale"](picked("scale"))
    assert region.done == ["up fraud/scorer, 1 at most", "load", "up fraud/scorer, 5 at most", "steps at fraud-gate", "down fraud"]
    assert measured.verdict.outcome is Outcome.PASS
    assert ScaleSamples.model_validate_json(measured.samples) == run()


def test_next_model_gets_a_candidate_of_its_own(region: Region, gates: dict[str, Gate]) -> None:
    gates["scale"](picked("scale"))
    gates["scale"](picked("scale", "credit/decision"))
    assert region.done == [
        "up fraud/scorer, 5 at most", "steps at fraud-gate", "down fraud", "up credit/decision, 5 at most", "steps at credit-gate",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("fraud/scorer", "clusters/embedded/profiles.yaml: profiles.fraud/scorer.scale is missing; add it, or give the model a fixed number of replicas"),
        ("scoring/batch", "scoring/batch needs nvidia-a10g, and names no also_on_cpu; judge it where there is one"),
    ],
    ids=["no-profile", "needs-a-card"],
)  # fmt: skip
def test_model_that_cannot_be_judged_here_is_not_executed_and_blocks(
    region: Region, gates: dict[str, Gate], subject: str, said: str
) -> None:
    region.profiles["fraud/scorer"] = PROFILES["fraud/scorer"].model_copy(update={"scale": None})
    (result,) = run_gates([picked("scale", subject)], gates, unheard, lambda: 0.0)
    assert (result.state, result.verdict.outcome) == (State.NOT_EXECUTED, Outcome.INCONCLUSIVE)
    assert result.verdict.reasons[0].text.startswith(f"not-executed: {said}")
    assert region.done == []
    with pytest.raises(TidegateError):
        gates["scale"](picked("scale", subject))
