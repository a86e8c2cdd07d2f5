"""Schemas refuse what the API server would drop in silence, and say what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.manifests.schemas import SchemaSet, dotted
from tidegate.manifests.strictness import custom_resource_schemas, kubernetes_schemas

CONFIG_MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "b"},
    "data": {"any key": "x"},
}


def service(**predictor: object) -> dict[str, Any]:
    model = {"modelFormat": {"name": "lightgbm"}, "storageUri": "s3://models/fraud/1"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "scorer", "namespace": "tenant-fraud"},
        "spec": {"predictor": {"minReplicas": 2, "model": model, **predictor}},
    }


def pod(**container: object) -> dict[str, Any]:
    described = {"name": "c", "image": "registry.example.com/a:1", **container}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [described]}}


@pytest.mark.parametrize(
    "manifest",
    [
        CONFIG_MAP,
        service(),
        pod(resources={"limits": {"cpu": "1500m", "memory": "2Gi", "nvidia.com/gpu": "1"}}),
        pod(readinessProbe={"httpGet": {"path": "/", "port": 8080}}),
        pod(readinessProbe={"httpGet": {"path": "/", "port": "http"}}),
    ],
    ids=["free-form map", "custom resource", "quantities", "port by number", "port by name"],
)
def test_what_the_api_server_keeps_is_allowed(schemas: SchemaSet, manifest: dict[str, Any]) -> None:
    assert schemas.findings(manifest, "f.yaml") == []


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (service(minReplica=2), "spec.predictor.minReplica = 2: no such field; did you mean minReplicas? [schema-field-unknown]"),
        (service(minReplicas="2"), "spec.predictor.minReplicas = 2: is not of type integer; write a whole number without quotes [schema-type]"),
        (
            service(scaleMetric="requests"),
            "spec.predictor.scaleMetric = requests: not one of the choices; use cpu, memory, concurrency, rps [schema-not-a-choice]",
        ),
        ({**service(), "status": {}}, "status: no such field; use one of apiVersion, kind, metadata, spec [schema-field-unknown]"),
        (
            {**CONFIG_MAP, "data": {"a": 1}},
            "data.a = 1: is not of type string; write text; put numbers and booleans in quotes [schema-type]",
        ),
        ({**CONFIG_MAP, "dataa": {}}, "dataa: no such field; did you mean data? [schema-field-unknown]"),
        ({**CONFIG_MAP, "metadata": {"name": "a", "lables": {}}}, "metadata.lables: no such field; did you mean labels? [schema-field-unknown]"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "metadata: required and absent; add it [schema-field-missing]"),
        (pod(name=None), "spec.containers[0].name = null: is not of type string; write text; put numbers and booleans in quotes [schema-type]"),
        (
            pod(resources={"limits": {"nvidia.com/gpu": "one"}}),
            "spec.containers[0].resources.limits[nvidia.com/gpu] = one: is not of the expected form; match ",
        ),
        (pod(ports=[{"containerPort": 2**31}]), "spec.containers[0].ports[0].containerPort = 2147483648: "),
        (
            {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {}},
            "apiVersion = apps/v1beta1: Deployment is not served in this version; write apiVersion: apps/v1 [schema-api-version]",
        ),
        ({"apiVersion": "v1", "kind": "ConfigMop", "metadata": {}}, "kind = ConfigMop: no cluster knows this kind; did you mean ConfigMap? [schema-kind]"),
        ({}, "kind: no cluster knows this kind; "),
    ],
    ids=[
        "misspelt field of a custom resource", "text for a number", "no choice", "status", "number for text", "misspelt field", "misspelt label",
        "metadata missing", "null", "no quantity", "beyond 32 bits", "version gone", "misspelt kind", "nothing",
    ],
)  # fmt: skip
def test_refusal_says_where_what_and_how_to_mend(schemas: SchemaSet, manifest: dict[str, Any], expected: str) -> None:
    (finding,) = schemas.findings(manifest, "f.yaml")
    assert str(finding).startswith(f"f.yaml: {expected}")


def test_every_finding_is_reported_at_once(schemas: SchemaSet) -> None:
    manifest = service(minReplica=1, maxReplica=2, scaleTarget="x")
    paths = sorted(finding.path for finding in schemas.findings(manifest, "f.yaml"))
    assert paths == ["spec.predictor.maxReplica", "spec.predictor.minReplica", "spec.predictor.scaleTarget"]


def test_kinds_of_every_project_are_known(schemas: SchemaSet) -> None:
    wanted = {
        "v1 Namespace", "apps/v1 DaemonSet", "networking.k8s.io/v1 NetworkPolicy", "karpenter.sh/v1 NodePool", "karpenter.kwok.sh/v1alpha1 KWOKNodeClass",
        "karpenter.k8s.aws/v1 EC2NodeClass", "serving.kserve.io/v1beta1 InferenceService", "serving.kserve.io/v1alpha1 ClusterServingRuntime",
        "argoproj.io/v1alpha1 AppProject", "security.istio.io/v1 AuthorizationPolicy", "networking.istio.io/v1alpha3 EnvoyFilter",
        "monitoring.coreos.com/v1 PodMonitor", "gateway.networking.k8s.io/v1 HTTPRoute", "serving.knative.dev/v1 Service",
    }  # fmt: skip
    assert wanted <= set(schemas.kinds)


def crd(schema: dict[str, Any]) -> dict[str, Any]:
    versions = [
        {"name": "v1", "served": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}}},
        {"name": "v0", "served": False, "schema": {"openAPIV3Schema": {"type": "object"}}},
    ]
    return {"kind": "CustomResourceDefinition", "spec": {"group": "example.com", "names": {"kind": "Thing"}, "versions": versions}}


def things(schema: dict[str, Any]) -> SchemaSet:
    definitions, _ = kubernetes_schemas({"definitions": {"io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object"}}})
    return SchemaSet(definitions, dict(custom_resource_schemas([crd(schema), {"kind": "Kustomization"}])))


FIELDS = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "value", "is_allowed"),
    [
        (FIELDS, {"a": "x"}, True),
        (FIELDS, {"b": "x"}, False),
        ({**FIELDS, "x-kubernetes-preserve-unknown-fields": True}, {"b": "x"}, True),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"b": {"c": 1}}, True),
        ({"type": "object"}, {"b": 1}, False),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"b": "x"}, True),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"b": 1}, False),
        ({"x-kubernetes-int-or-string": True}, 1, True),
        ({"x-kubernetes-int-or-string": True}, "50%", True),
        ({"x-kubernetes-int-or-string": True}, 1.5, False),
        ({"type": "string", "nullable": True, "enum": ["a"]}, None, True),
        ({"type": "string", "enum": ["a"]}, None, False),
        ({"type": "array", "items": FIELDS}, [{"b": 1}], False),
        ({**FIELDS, "anyOf": [{"required": ["a"]}]}, {}, False),
        ({**FIELDS, "anyOf": [{"properties": {"a": {"enum": ["x"]}}}]}, {"a": "x"}, True),
    ],
)
def test_custom_resource_is_read_as_the_api_server_would(schema: dict[str, Any], value: object, is_allowed: bool) -> None:
    manifest: dict[str, Any] = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {}, "spec": value}
    assert (things(schema).findings(manifest, "f") == []) == is_allowed


def test_version_that_is_not_served_is_unknown() -> None:
    assert things(FIELDS).kinds == ["example.com/v1 Thing"]


def test_path_is_spelled_as_readers_write_it() -> None:
    assert (
        dotted(["spec", "containers", 0, "resources", "limits", "nvidia.com/gpu"]) == "spec.containers[0].resources.limits[nvidia.com/gpu]"
    )
