"""The embedded region must change sizes and places, and nothing that a tenant is promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate.errors import InventoryError
from tidegate.facts import inventory
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.platform import Platform
from tidegate.facts.signature import ApprovedModel, ModelCatalogue

DIGEST = "a" * 64
TRAINED = ModelCatalogue(
    models=(ApprovedModel(model="fraud/scorer/2", uri="s3://tidegate-models/fraud/scorer/2", sha256="b" * 64, key_id="fraud-release"),)
)


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(scope="module")
def embedded(platform: Platform) -> Platform:
    facts = EmbeddedFacts(
        repository_url="git://git.example.com/payments/tidegate.git",
        edge_addresses={"live-1": "172.31.250.11", "live-2": "172.31.250.12"},
        model_digests={"s3://tidegate-models/fraud/scorer/1": DIGEST},
        catalogue=TRAINED,
    )
    return embed(platform, facts)


def test_a_gpu_model_that_also_runs_on_cpu_does(embedded: Platform) -> None:
    chat = embedded.tenants["assistant"].models["chat"]
    assert (chat.runtime, chat.accelerator) == ("ngram", None)


def test_a_gpu_model_without_an_alternative_keeps_its_card(platform: Platform, embedded: Platform) -> None:
    assert embedded.tenants["scoring"].models["batch"].accelerator == platform.tenants["scoring"].models["batch"].accelerator


def test_floors_shrink_but_zero_stays_zero(embedded: Platform) -> None:
    assert embedded.tenants["fraud"].models["scorer"].scaling.min_replicas == 1
    assert embedded.tenants["assistant"].models["chat"].scaling.min_replicas == 0


def test_every_version_trained_here_may_be_served(platform: Platform, embedded: Platform) -> None:
    assert (platform.catalogue, embedded.catalogue) == (ModelCatalogue(), TRAINED)


def test_a_trained_model_is_named_by_its_true_digest(platform: Platform, embedded: Platform) -> None:
    assert embedded.tenants["fraud"].models["scorer"].artefact.sha256 == DIGEST
    other = ("merchants", "anomaly")
    untouched = [inventory_of.tenants[other[0]].models[other[1]].artefact.sha256 for inventory_of in (platform, embedded)]
    assert untouched[0] == untouched[1]


def test_callers_tiers_and_quotas_are_those_of_production(platform: Platform, embedded: Platform) -> None:
    for name, tenant in platform.tenants.items():
        other = embedded.tenants[name]
        assert (tenant.tier, tenant.callers, tenant.quota) == (other.tier, other.callers, other.quota)
        for model_name, model in tenant.models.items():
            assert model.golden_set == other.models[model_name].golden_set


def test_the_edge_is_reached_at_the_node(embedded: Platform) -> None:
    assert embedded.clusters["live-2"].edge.addresses == ("172.31.250.12",)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("cpu-alternative-needs-gpu", "      runtime: ngram\n", "      runtime: vllm\n"),
        (
            "cpu-alternative-without-accelerator",
            "    accelerator:\n      accelerator: nvidia-l4\n      share: whole\n",
            "",
        ),
    ],
)
def test_an_alternative_that_makes_no_sense_is_refused(tmp_path: Path, rule: str, before: str, after: str) -> None:
    for folder in ("clusters/inventory", "gitops/tenants"):
        for path in (ROOT / folder).rglob("*.yaml"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    file = tmp_path / "gitops/tenants/assistant.yaml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    if rule == "cpu-alternative-without-accelerator":
        text = text.replace("runtime: vllm", "runtime: ngram")  # vLLM alone would be refused for want of a card
    file.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(InventoryError, match=rf"gitops/tenants/assistant.yaml: models.chat.*\[{rule}\]"):
        inventory.load(tmp_path)
