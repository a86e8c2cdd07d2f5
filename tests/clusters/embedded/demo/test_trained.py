"""The trained models pass their tenants' gates, the bad ones do not, and training again changes no byte."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from clusters.embedded.demo.training.registry_layout import BAD_VERSIONS, VERSIONS, tree_sha256
from tidegate import tools
from tidegate.checkout import find_checkout
from tidegate.embedded import example_models
from tidegate.embedded.model_index import find_version, read_index, read_sample
from tidegate.facts import inventory
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.names import MODEL_REGISTRY_URI

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


@pytest.mark.parametrize("name", SERVED)
def test_every_model_has_every_version_and_only_the_wrong_one_misses_the_gate(registry: Path, name: str) -> None:
    reached = {version.version: version.value for version in read_index(registry) if f"{version.tenant}/{version.model}" == name}
    assert tuple(reached) == VERSIONS
    threshold = SERVED[name].golden_set.threshold
    assert [version for version, value in reached.items() if value < threshold] == ["3-wrong"]
    assert reached["2"] >= reached["1"]


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
