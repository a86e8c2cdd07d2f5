"""Every model that a gate can ask on the embedded region has a profile, with reasons, and the profile is what counts there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate.errors import InventoryError
from tidegate.facts import inventory
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.inventory.profiles import PROFILES, load_profiles, profile_findings
from tidegate.facts.models.embedded_profile import replicas_for

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


def test_every_model_that_follows_requests_here_says_how_it_has_to() -> None:
    follows = {one for one in WRITTEN if PLATFORM.tenants[one.partition("/")[0]].models[one.partition("/")[2]].scaling.follows_requests}
    assert {one for one in WRITTEN if WRITTEN[one].scale} == follows


@pytest.mark.parametrize("reference", sorted(one for one in WRITTEN if WRITTEN[one].scale))
def test_scale_profile_rises_in_steps_and_leaves_time_for_the_load_gate(reference: str) -> None:
    profile = WRITTEN[reference]
    scale = profile.scale
    assert scale
    quarter, whole, fourfold = scale.phases
    assert (whole[1], fourfold[1]) == (4 * quarter[1], 16 * quarter[1])
    assert scale.min_replicas.value == scale.enough(quarter[1]) < scale.enough(whole[1]) < scale.enough(fourfold[1])
    assert sum(seconds for seconds, _ in scale.phases) + profile.duration_seconds.value <= 240, (
        "all load of a change takes four minutes at most"
    )


def test_replicas_for_a_rate_are_those_that_knative_computes() -> None:
    assert [replicas_for(rate, 10, 1) for rate in (0, 6.9, 7, 7.1, 14, 70, 71)] == [1, 1, 1, 2, 2, 10, 11]
    assert replicas_for(1, 10, 3) == 3
    assert replicas_for(2.1, 3, 1) == 1, "a rate that is just carried, whatever floating point makes of 0.7 times 3"


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
        (
            "max_replicas: {value: 5", "max_replicas: {value: 4",
            ("profiles.fraud/scorer.scale.max_replicas.value = 4: is less than the 5 replicas that 24 requests a second need; "
            "raise it, or requests_per_second_target [scale-profile-ceiling]"),
        ),
        (
            "requests_per_second_target: {value: 7", "requests_per_second_target: {value: 40",
            ("profiles.fraud/scorer.scale.min_replicas.value = 1: is enough for 24 requests a second, so nothing would have to follow; "
            "lower it, or requests_per_second_target, or raise requests_per_second [scale-profile-without-step]"),
        ),
        (
            "enough_within_seconds: {value: 45", "enough_within_seconds: {value: 60",
            ("profiles.fraud/scorer.scale.enough_within_seconds.value = 60: is no shorter than phase_seconds, 60, "
            "so a step would be over before it is missed; raise phase_seconds [scale-profile-phase]"),
        ),
        ("slow_share: {value: 0.5", "slow_share: {value: 1", "profiles.fraud/scorer.scale.slow_share.value = 1: "),
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


def test_validate_names_what_is_wrong_with_the_file_and_wants_none(tmp_path: Path) -> None:
    platform = inventory.load(ROOT)
    assert profile_findings(ROOT, platform) == []
    assert profile_findings(tmp_path, platform) == []
    path = tmp_path / PROFILES
    path.parent.mkdir(parents=True)
    path.write_text((ROOT / PROFILES).read_text().replace("requests_per_second: {value: 30", "requests_per_second: {value: -30", 1))
    (found,) = profile_findings(tmp_path, platform)
    assert str(found).startswith("clusters/embedded/profiles.yaml: profiles.fraud/scorer.requests_per_second.value = -30")
