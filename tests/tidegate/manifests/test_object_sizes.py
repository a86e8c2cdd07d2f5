"""An object that etcd would refuse is refused before."""

from __future__ import annotations

from dataclasses import replace

from clusters.components.tenancy import catalogue
from tests.root import ROOT
from tidegate.facts import inventory, names
from tidegate.facts.signature import ApprovedModel, ModelCatalogue
from tidegate.manifests.placed import Placed
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.sizes import BYTES_MAX, json_bytes
from tidegate.manifests.validate import judge


def _config_map(length: int) -> Placed:
    labels = {"app.kubernetes.io/managed-by": "tidegate"}
    metadata = {"name": "large", "namespace": "platform", "labels": labels}
    return Placed("large.yaml", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": "x" * length}})


def test_object_of_a_mebibyte_is_accepted_and_one_byte_more_is_not(schemas: SchemaSet) -> None:
    room = BYTES_MAX - json_bytes(_config_map(0).manifest)
    assert judge(_config_map(room), schemas) == []
    assert [str(found) for found in judge(_config_map(room + 1), schemas)] == [
        "large.yaml: 1048577 bytes as JSON, at most 1048576; render it as several objects [object-too-large]"
    ]


def _catalogue(earlier: int) -> Placed:
    """The list of live-1 with so many earlier versions of a model."""
    uri = f"{names.MODEL_REGISTRY_URI}fraud/scorer/"
    entries = (
        ApprovedModel.model_construct(model=f"fraud/scorer/{number}", uri=f"{uri}{number}", sha256=f"{number:064}", key_id="fraud-release")
        for number in range(100_000, 100_000 + earlier)
    )
    platform = replace(inventory.load(ROOT), catalogue=ModelCatalogue.model_construct(models=tuple(entries)))
    (found,) = (one for one in catalogue.objects(platform, platform.clusters["live-1"]) if one["kind"] == "ConfigMap")
    return Placed("live-1/platform/catalogue/configmap-model-catalogue.yaml", found)


def test_list_of_ten_thousand_versions_holds_and_a_fuller_one_says_how_to_shorten_it(schemas: SchemaSet) -> None:
    assert judge(_catalogue(9_990), schemas) == []
    (found,) = judge(_catalogue(12_000), schemas)
    assert str(found).startswith("live-1/platform/catalogue/configmap-model-catalogue.yaml: data = 12006 versions: ")
    assert str(found).endswith(
        "bytes as JSON, at most 1048576; take versions off that nobody will return to: `tidegate model catalogue <tenant> "
        "--retire <tenant>/<model>/<version>`, then `tidegate render` [object-too-large]"
    )
