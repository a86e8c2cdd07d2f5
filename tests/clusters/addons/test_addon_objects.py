"""What holds for the objects of every add-on, whichever it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from clusters.addons.add_on import AddOn
from clusters.addons.documents import without_descriptions
from clusters.addons.listing import ADD_ONS
from clusters.addons.region import AddOnRegion
from clusters.addons.render import emit_files
from clusters.delivery import applications
from tests.clusters.addons.addon_objects import images_of, pick, walk
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.tree import write_trees

IN_EVERY_CLUSTER = {"kube-system", "kube-node-lease", "default"}

each_add_on = pytest.mark.parametrize("add_on", ADD_ONS, ids=[add_on.name for add_on in ADD_ONS])


@each_add_on
def test_every_object_fits_its_strict_schema(add_on: AddOn, addons: Any, schemas: SchemaSet) -> None:
    assert addons[add_on.name]
    assert [str(finding) for manifest in addons[add_on.name] for finding in schemas.findings(manifest, add_on.name)] == []


@each_add_on
def test_every_image_is_one_of_ours_by_digest(add_on: AddOn, addons: Any, region: AddOnRegion) -> None:
    used = {image for manifest in addons[add_on.name] for image in images_of(manifest)}
    assert used == {region.images[name] for name in add_on.images}


@each_add_on
def test_nothing_of_the_source_tree_is_left(add_on: AddOn, addons: Any) -> None:
    for manifest in addons[add_on.name]:
        if manifest["kind"] == "CustomResourceDefinition":
            continue  # its documentation may say anything
        texts = [text for text in walk(manifest) if isinstance(text, str)]
        assert not [text for text in texts if text.startswith("ko://") or text == "devel"]
        assert "_example" not in manifest.get("data", {})
        assert not manifest["apiVersion"].startswith("cert-manager.io/")
        assert "cert-manager.io/inject-ca-from" not in manifest["metadata"].get("annotations", {})


@each_add_on
def test_definitions_come_without_prose_but_keep_properties_of_that_name(add_on: AddOn, addons: Any) -> None:
    definitions = [manifest for manifest in addons[add_on.name] if manifest["kind"] == "CustomResourceDefinition"]
    every: list[Any] = [schema for schema in walk(definitions) if isinstance(schema, dict)]
    described = [schema for schema in every if isinstance(schema.get("description"), str)]
    # A printed column is described too, and shows in `kubectl get`.
    assert [schema for schema in described if "jsonPath" not in schema] == []


def test_a_property_called_description_is_no_prose() -> None:
    schema = {"description": "prose", "properties": {"description": {"type": "string", "description": "prose"}}}
    definition: dict[str, Any] = {"spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}}
    without_descriptions(definition)
    assert schema == {"properties": {"description": {"type": "string"}}}


def test_definition_of_served_models_knows_one_way_to_name_a_model_server(addons: Any) -> None:
    served = pick(addons["kserve"], "CustomResourceDefinition", "inferenceservices.serving.kserve.io")
    [version] = served["spec"]["versions"]
    predictor = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["predictor"]["properties"]
    takes_a_model = [field for field, schema in predictor.items() if "storageUri" in schema.get("properties", {})]
    assert takes_a_model == ["model"], "a release brings another one: read what it is for"
    assert {"containers", "minReplicas", "canaryTrafficPercent", "tolerations"} <= set(predictor)


@each_add_on
def test_namespaces_are_set_and_somebody_brings_them(add_on: AddOn, addons: Any) -> None:
    brought = {namespace for other in ADD_ONS for namespace in other.owned_namespaces if other.wave <= add_on.wave}
    for manifest in addons[add_on.name]:
        namespace = manifest["metadata"].get("namespace")
        assert namespace is None or namespace in brought | IN_EVERY_CLUSTER, manifest["metadata"]
        if manifest["kind"] in {"ConfigMap", "Deployment", "Role", "RoleBinding", "Secret", "Service", "ServiceAccount"}:
            assert namespace, manifest["metadata"]
        for subject in manifest.get("subjects", []):
            assert subject["kind"] != "ServiceAccount" or subject["namespace"]


def test_a_namespace_has_one_owner_and_comes_first(addons: Any) -> None:
    owned = [namespace for add_on in ADD_ONS for namespace in add_on.owned_namespaces]
    assert len(owned) == len(set(owned))
    objects = [manifest for manifests in addons.values() for manifest in manifests if manifest["kind"] == "Namespace"]
    assert sorted(manifest["metadata"]["name"] for manifest in objects) == sorted(owned)
    assert {manifest["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] for manifest in objects} == {"-1"}


def test_no_secret_has_content(addons: Any) -> None:
    for manifests in addons.values():
        for manifest in manifests:
            assert manifest["kind"] != "Secret" or not (manifest.get("data") or manifest.get("stringData"))


WAITED_FOR = {
    "argocd-application-controller": 100, "argocd-repo-server": 50, "controller": 50, "discovery": 50, "manager": 50, "vault": 50,
    "webhook": 50,
}  # fmt: skip
"""Containers for which models wait, with the millicores that they ask for: more than a model's 40, so that they come first."""


@each_add_on
def test_every_container_asks_for_little_and_no_cpu_limit_slows_its_start(add_on: AddOn, addons: Any) -> None:
    for manifest in addons[add_on.name]:
        if manifest["kind"] not in {"DaemonSet", "Deployment", "StatefulSet"}:
            continue
        pod = manifest["spec"]["template"]["spec"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            requests = container["resources"]["requests"]
            assert int(requests["cpu"].removesuffix("m")) <= WAITED_FOR.get(container["name"], 20)
            assert int(requests["memory"].removesuffix("Mi")) <= 256
            assert "cpu" not in container["resources"].get("limits", {})


@each_add_on
def test_a_second_rendering_gives_the_same_bytes(add_on: AddOn, addons: Any, inputs: Any, region: AddOnRegion) -> None:
    again = emit_files(add_on, inputs.render(add_on, region))
    assert again == emit_files(add_on, addons[add_on.name])
    assert list(again) == list(emit_files(add_on, addons[add_on.name]))


def test_the_tree_has_one_object_per_file_and_a_second_writing_changes_nothing(addons: Any, tmp_path: Path) -> None:
    files: dict[str, bytes] = {}
    for add_on in ADD_ONS:
        files |= emit_files(add_on, addons[add_on.name])
    assert len(files) == sum(map(len, addons.values()))
    assert all(re.fullmatch(r"[a-z-]+/[a-z0-9.-]+\.yaml", path) for path in files)
    assert write_trees({tmp_path / "tree": files}).files_written == len(files)
    assert write_trees({tmp_path / "tree": files}).files_written == 0


def test_waves_come_before_everything_that_needs_the_definitions() -> None:
    waves = {add_on.name: add_on.wave for add_on in ADD_ONS}
    assert max(waves.values()) < min(applications.WAVES.values())
    order = [
        {"argo-cd"},
        {"coredns"},
        {"gateway-api", "istio-base", "prometheus-crds"},
        {"istiod", "istio-cni", "karpenter", "prometheus", "kube-state-metrics"},
        {"vault"},
        {"knative", "knative-gateway", "kserve"},
    ]
    by_wave = [{name for name, wave in waves.items() if wave == level} for level in sorted(set(waves.values()))]
    assert by_wave == order
