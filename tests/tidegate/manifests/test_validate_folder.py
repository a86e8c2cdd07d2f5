"""A folder's verdict: every file, schemas and rules together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.validate import validate_folder

NAMESPACE = """apiVersion: v1
kind: Namespace
metadata:
  name: tenant-fraud
  labels:
    tidegate.dev/tenant: fraud
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: v1.35
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/audit-version: v1.35
    pod-security.kubernetes.io/warn: restricted
    pod-security.kubernetes.io/warn-version: v1.35
"""
INTRUDER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: tenant-credit}\ndataa: {}\n"


def test_schema_and_rules_speak_about_one_file(tmp_path: Path, schemas: SchemaSet) -> None:
    folder = tmp_path / "live-1" / "tenants" / "fraud"
    folder.mkdir(parents=True)
    (folder / "namespace-tenant-fraud.yaml").write_text(NAMESPACE, encoding="utf-8")
    (folder / "configmap-c.yaml").write_text(INTRUDER, encoding="utf-8")
    assert [str(finding) for finding in validate_folder(tmp_path, schemas)] == [
        "live-1/tenants/fraud/configmap-c.yaml: dataa: no such field; did you mean data? [schema-field-unknown]",
        (
            "live-1/tenants/fraud/configmap-c.yaml: metadata.namespace = tenant-credit: "
            "another namespace than the tenant's; use tenant-fraud [require-own-namespace]"
        ),
    ]


BINDING = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: fraud-serving, namespace: tenant-fraud}]
"""


@pytest.mark.parametrize("place", ["binding.yaml", "sub/binding.yaml", "sub/deeper/binding.yaml"])
@pytest.mark.parametrize("namespace", [NAMESPACE, ""], ids=["namespace", "without"])
def test_all_below_a_tenants_folder_is_the_tenants(tmp_path: Path, schemas: SchemaSet, place: str, namespace: str) -> None:
    folder = tmp_path / "live-1" / "tenants" / "fraud"
    (folder / place).parent.mkdir(parents=True)
    (folder / place).write_text(BINDING, encoding="utf-8")
    if namespace:
        (folder / "namespace-tenant-fraud.yaml").write_text(namespace, encoding="utf-8")
    assert {finding.rule for finding in validate_folder(tmp_path, schemas)} == {"limit-tenant-kinds", "require-own-namespace"}


def test_broken_file_does_not_hide_the_others(tmp_path: Path, schemas: SchemaSet) -> None:
    (tmp_path / "a.yaml").write_text("a: [\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "c.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\n", encoding="utf-8")
    assert [(finding.source, finding.rule) for finding in validate_folder(tmp_path, schemas)] == [
        ("a.yaml", "yaml-syntax"),
        ("b.yaml", "yaml-syntax"),
        ("c.yaml", "forbid-secret"),
    ]


def test_empty_or_missing_folder_is_no_clean_bill(tmp_path: Path, schemas: SchemaSet) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        (finding,) = validate_folder(folder, schemas)
        assert (finding.rule, finding.source) == ("folder-empty", str(folder))
