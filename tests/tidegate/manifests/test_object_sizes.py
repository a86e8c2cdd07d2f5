"""An object that etcd would refuse is refused before."""

from __future__ import annotations

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
