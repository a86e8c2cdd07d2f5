"""Every model that a gate can ask on the embedded region has a profile, with reasons, and the profile is what counts there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate.errors import InventoryError
from tidegate.facts import inventory
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.inventory.profiles import PROFILES, load_profiles

PLATFORM = inventory.load(ROOT)
WRITTEN = load_profiles(ROOT, PLATFORM)
NEEDED = 459
"""So many requests prove a p99 at 99 % when none is above the limit."""


def test_every_model_that_runs_here_has_a_profile() -> None:
    runs = {
        f"{tenant.name}/{name}"
        for tenant in PLATFORM.tenants.values()
        for name, model in tenant.models.items()
        if model.accelerator is None or model.also_on_cpu
    }
    assert WRITTEN.keys() == runs


@pytest.mark.parametrize("reference", sorted(WRITTEN))
def test_profile_can_be_judged(reference: str) -> None:
    profile = WRITTEN[reference]
    assert profile.requests_per_second.value * profile.duration_seconds.value >= NEEDED
    assert profile.requests_per_second.value * profile.step_seconds.value >= profile.minimum_requests.value


@pytest.mark.parametrize("reference", sorted(WRITTEN))
def test_profile_is_what_counts_on_the_embedded_region_and_nothing_else_changes(reference: str) -> None:
    facts = EmbeddedFacts(repository_url="git://git.example.com/tidegate.git", edge_addresses={"live-1": "192.0.2.1"})
    with_it, without = (embed(PLATFORM, one) for one in (facts.model_copy(update={"profiles": WRITTEN}), facts))
    tenant, _, name = reference.partition("/")
    scaled, production, profile = with_it.tenants[tenant].models[name], without.tenants[tenant].models[name], WRITTEN[reference]
    assert scaled.slo.p99_ms == profile.p99_ms.value
    assert scaled.slo.availability == profile.availability.value
    assert scaled.load_profile.requests_per_second == profile.requests_per_second.value
    assert scaled.rollout.minimum_requests == profile.minimum_requests.value
    same = {"slo", "load_profile", "rollout"}
    assert scaled.model_dump(exclude=same) == production.model_dump(exclude=same)
    assert scaled.rollout.steps == production.rollout.steps


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  fraud/scorer:", "  fraud/scorre:", "profiles.fraud/scorre: no tenant serves such a model; write one of assistant/chat, "),
        ("p99_ms: {value: 350", "p99_ms: {value: -1", "profiles.fraud/scorer.p99_ms.value = -1: "),
        ('{value: 30, reason: "900', '{value: 4000, reason: "900', "profiles.fraud/scorer.duration_seconds.value = 4000: "),
        ("reason: \"As in production: nobody waits for its answers.\"", 'reason: "because"', "profiles.scoring/fraud-shadow.availability.reason = "),
        ("step_seconds: {value: 60", "step_secs: {value: 60", "profiles.assistant/chat.step_secs"),
    ],
)  # fmt: skip
def test_bad_profile_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = (ROOT / PROFILES).read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / PROFILES
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(InventoryError) as refused:
        load_profiles(tmp_path, PLATFORM)
    assert said in str(refused.value)
    assert "clusters/embedded/profiles.yaml" in str(refused.value)
