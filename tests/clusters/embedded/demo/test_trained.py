"""The trained models pass their tenants' gates, the bad ones do not, and training again changes no byte."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from clusters.embedded.demo.training.registry_layout import BAD_VERSIONS, VERSIONS, tree_sha256
from tidegate import tools
from tidegate.asking.golden_folder import look_for_leaks, read_golden, row_digest
from tidegate.checkout import find_checkout
from tidegate.embedded import example_models
from tidegate.embedded.model_index import find_version, read_index, read_sample
from tidegate.facts import inventory
from tidegate.facts.inventory.serving_pins import load_pins
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.models.server_libraries import server_of_runtime
from tidegate.facts.names import MODEL_REGISTRY_URI
from tidegate.gates.golden_set.figures import CLASS_MIN
from tidegate.signing.checks.libraries import refuse_other_versions
from tidegate.signing.layouts import layout_problem
from tidegate.signing.trained_with import trained_with

CHECKOUT = find_checkout(Path(__file__).parent)
SERVED = {
    f"{tenant.name}/{name}": model for tenant in inventory.load(CHECKOUT.root).tenants.values() for name, model in tenant.models.items()
}

FIT_AGAIN = """
import hashlib
from clusters.embedded.demo.training.boosted_models import fraud_scorer
from clusters.embedded.demo.training.credit_models import credit_decision
for model in (fraud_scorer(), credit_decision()):
    for version in model.versions:
        for name, content in version.files.items():
            print(f"{model.tenant}/{model.name}/{version.name}/{name}", hashlib.sha256(content).hexdigest())
"""


@pytest.fixture(scope="module")
def registry() -> Path:
    """The registry, from the cache or after half a minute of training."""
    return example_models.train(CHECKOUT)


@pytest.mark.parametrize("served", SERVED.items(), ids=SERVED)
def test_declared_version_passes_its_tenants_gate(registry: Path, served: tuple[str, ServedModel]) -> None:
    name, model = served
    version = find_version(registry, model.artefact.uri.removeprefix(MODEL_REGISTRY_URI))
    assert version is not None, f"{model.artefact.uri} is not trained"
    assert (f"{version.tenant}/{version.model}", version.metric) == (name, model.golden_set.metric)
    assert version.value >= model.golden_set.threshold
    assert MODEL_REGISTRY_URI + version.golden == model.golden_set.uri
    assert version.golden_sha256 == model.golden_set.sha256


@pytest.mark.parametrize("name", SERVED)
def test_no_version_learnt_from_its_golden_set_but_where_the_facts_say_so(registry: Path, tmp_path: Path, name: str) -> None:
    facts = SERVED[name].golden_set
    folder = read_golden(registry / facts.uri.removeprefix(MODEL_REGISTRY_URI))
    versions = [version for version in read_index(registry) if f"{version.tenant}/{version.model}" == name]
    for version in versions:
        seen = look_for_leaks(folder.inputs, registry / version.trained_on)
        assert seen.listed > 100
        assert bool(seen.found) == bool(facts.holds_training_rows), version.path
    (tmp_path / "leaked.txt").write_text(row_digest(folder.inputs[0]))
    assert look_for_leaks(folder.inputs, tmp_path / "leaked.txt").found[0] == 0


@pytest.mark.parametrize("name", SERVED)
def test_slices_that_the_facts_name_have_groups_that_can_say_something(registry: Path, name: str) -> None:
    facts = SERVED[name].golden_set
    folder = read_golden(registry / facts.uri.removeprefix(MODEL_REGISTRY_URI))
    assert folder.slices.keys() == set(facts.slices)
    for groups in folder.slices.values():
        assert len(groups) == len(folder.labels)
        assert len(set(groups)) == 3
        positives = Counter(group for group, label in zip(groups, folder.labels, strict=True) if label)
        assert min(positives.values()) >= CLASS_MIN


@pytest.mark.parametrize("name", SERVED)
def test_every_model_has_every_version_and_only_the_wrong_one_misses_the_gate(registry: Path, name: str) -> None:
    reached = {version.version: version.value for version in read_index(registry) if f"{version.tenant}/{version.model}" == name}
    on_cpu = {version.removesuffix("-cpu"): value for version, value in reached.items() if version.endswith("-cpu")}
    own = {version: value for version, value in reached.items() if not version.endswith("-cpu")}
    threshold = SERVED[name].golden_set.threshold
    for versions in [own, *([on_cpu] if on_cpu else [])]:
        assert [version for version, value in versions.items() if value < threshold] == ["3-wrong"]
        assert versions["2"] >= versions["1"]
    assert tuple(on_cpu or own) == VERSIONS, "what the regions serve here has every version"
    assert bool(on_cpu) == bool(SERVED[name].also_on_cpu)


@pytest.mark.parametrize("name", SERVED)
def test_every_version_has_the_files_that_its_server_loads(registry: Path, name: str) -> None:
    """Of production, too, whose GPU servers run nowhere on this machine."""
    model = SERVED[name]
    for version in read_index(registry):
        if f"{version.tenant}/{version.model}" == name:
            runtime = model.also_on_cpu.runtime if model.also_on_cpu and version.version.endswith("-cpu") else model.runtime
            assert layout_problem(registry / version.path, name.split("/")[1], runtime, dense_pool=model.dense_pool is not None) == ""


@pytest.mark.parametrize("name", SERVED)
def test_every_version_names_the_library_that_its_server_loads_it_with(registry: Path, name: str) -> None:
    model, pins = SERVED[name], load_pins(CHECKOUT.root)
    for version in read_index(registry):
        if f"{version.tenant}/{version.model}" == name:
            runtime = model.also_on_cpu.runtime if model.also_on_cpu and version.version.endswith("-cpu") else model.runtime
            server = server_of_runtime(runtime, pins, dense_pool=model.dense_pool is not None)
            used = trained_with(registry / version.path)
            assert not server.libraries or used.keys() & server.libraries.keys(), version.path
            refuse_other_versions(used, server.name, server.libraries)


def test_both_forms_of_a_version_give_the_same_answers(registry: Path) -> None:
    samples = {version.path: read_sample(registry, version).expected for version in read_index(registry)}
    for version in ("1", "2", "3-wrong"):
        assert samples[f"credit/decision/{version}"] == pytest.approx(samples[f"credit/decision/{version}-cpu"], abs=1e-9)
        assert samples[f"assistant/chat/{version}"] == samples[f"assistant/chat/{version}-cpu"]


def test_chat_of_production_is_a_llama_whose_parts_fit_each_other(registry: Path) -> None:
    folder = registry / "assistant/chat/2"
    config, tokenizer = (json.loads((folder / name).read_text()) for name in ("config.json", "tokenizer.json"))
    content = (folder / "model.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    assert config["num_attention_heads"] * config["head_dim"] == hidden
    assert vocabulary == len(tokenizer["model"]["vocab"])
    assert header["lm_head.weight"]["shape"] == header["model.embed_tokens.weight"]["shape"] == [vocabulary, hidden]
    assert {name for name in header if name.startswith("model.layers.")} == {
        f"model.layers.{layer}.{part}.weight"
        for layer in range(config["num_hidden_layers"])
        for part in (
            *(f"self_attn.{one}_proj" for one in "qkvo"), *(f"mlp.{one}_proj" for one in ("gate", "up", "down")),
            "input_layernorm", "post_attention_layernorm",
        )
    }  # fmt: skip


def test_credit_of_production_puts_requests_together(registry: Path) -> None:
    settings = (registry / "credit/decision/1/decision/config.pbtxt").read_text()
    assert "dynamic_batching {" in settings
    assert 'name: "features" data_type: TYPE_FP64' in settings, "what the transformer sends"


def test_batch_scores_are_an_archive_that_the_snapshot_names(registry: Path) -> None:
    folder = registry / "scoring/batch/1"
    lines = (folder / "config/config.properties").read_text().splitlines()
    snapshot = json.loads(next(line for line in lines if line.startswith("model_snapshot=")).partition("=")[2])
    for loaded in snapshot["models"]["batch"].values():
        with zipfile.ZipFile(folder / "model-store" / loaded["marName"]) as archive:
            manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
            assert {manifest["handler"], manifest["serializedFile"]} <= set(archive.namelist())


def test_index_names_the_digest_of_every_version_and_golden_set(registry: Path) -> None:
    for version in read_index(registry):
        assert tree_sha256(registry / version.path) == version.sha256
        assert tree_sha256(registry / version.golden) == version.golden_sha256


def test_wrong_version_contradicts_the_right_one(registry: Path) -> None:
    expected = {
        version.version: read_sample(registry, version).expected for version in read_index(registry) if version.tenant == "fraud"
    }  # fmt: skip
    for right, wrong in zip(expected["2"], expected["3-wrong"], strict=True):
        assert float(right) + float(wrong) == pytest.approx(1.0, abs=1e-6)
    assert expected["3-slow"] == expected["3-crashing"] == expected["2"]


def test_every_merchant_of_the_dense_pool_has_a_model(registry: Path) -> None:
    pool = SERVED["merchants/anomaly"].dense_pool
    assert pool is not None
    for version in VERSIONS:
        with zipfile.ZipFile(registry / "merchants/anomaly" / version / "models.zip") as archive:
            catalogue = json.loads(archive.read("catalogue.json"))
            assert len(catalogue["models"]) == pool.models
            for entry in catalogue["models"].values():
                assert hashlib.sha256(archive.read(f"objects/{entry['sha256']}")).hexdigest() == entry["sha256"]
            assert (".faults." in catalogue["implementation"]) == (version in BAD_VERSIONS and version != "3-wrong")


def test_fitting_again_gives_the_same_bytes(registry: Path) -> None:
    command = [str(CHECKOUT.root / example_models.PYTHON), "-c", FIT_AGAIN]
    again = tools.run(command, cwd=CHECKOUT.root, env={"PYTHONHASHSEED": "99", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"})
    for line in again.stdout.splitlines():
        path, digest = line.split()
        assert hashlib.sha256((registry / path).read_bytes()).hexdigest() == digest, path
