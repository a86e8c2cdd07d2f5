"""Policies for objects of tenants are one for the API server; each rule still holds for what its policy names, and for nothing else."""

from __future__ import annotations

import copy
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.admission import policies
from clusters.components.admission.policy_exemptions import EXEMPTIONS
from clusters.components.admission.policy_groups import Document, grouped
from tests.root import ROOT
from tidegate.facts.platform import Platform

POLICY: Document = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "forbid-one"},
    "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {"matchExpressions": [{"key": "tidegate.dev/tenant", "operator": "Exists"}]},
            "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        },
        "matchConditions": [{"name": "not-being-deleted", "expression": "!has(object.metadata.deletionTimestamp)"}],
        "variables": [{"name": "one", "expression": "object.spec"}, {"name": "two", "expression": "variables.one.size()"}],
        "validations": [{"expression": "variables.two < 3", "message": "too much of one"}],
    },
}


def pair(name: str, **changes: Any) -> tuple[Document, Document]:
    policy = copy.deepcopy(POLICY)
    policy["metadata"]["name"] = name
    policy["spec"].update(changes)
    binding = {"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {"policyName": name}}
    return policy, cast("Document", binding)


def named(documents: list[Document]) -> list[str]:
    return [each["metadata"]["name"] for each in documents if each["kind"] == "ValidatingAdmissionPolicy"]


def test_rules_of_a_group_keep_what_they_are_asked_about_their_variables_and_their_names() -> None:
    updates = {**POLICY["spec"]["matchConstraints"], "resourceRules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods", "pods/ephemeralcontainers"]},
    ]}  # fmt: skip
    group, binding = grouped([pair("forbid-one"), pair("forbid-two", matchConstraints=updates)])
    assert binding["spec"]["policyName"] == "tenant-pods"
    assert group["spec"]["matchConstraints"]["resourceRules"] == [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]},
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]},
    ]
    assert group["spec"]["validations"] == [
        {
            "expression": "variables.leaving || !(variables.asked in ['CREATE /pods/']) || (variables.forbid_one_two < 3)",
            "message": "forbid-one: too much of one",
        },
        {
            "expression": "variables.leaving || !(variables.asked in ['UPDATE /pods/', 'UPDATE /pods/ephemeralcontainers']) "
            "|| (variables.forbid_one_two < 3)",
            "message": "forbid-two: too much of one",
        },
    ]
    # What both compute in the same words is computed once.
    assert {each["name"]: each["expression"] for each in group["spec"]["variables"]} == {
        "leaving": "has(object.metadata.deletionTimestamp)",
        "asked": "request.operation + ' ' + request.resource.group + '/' + request.resource.resource + '/' + request.?subResource.orValue('')",
        "forbid_one_one": "object.spec", "forbid_one_two": "variables.forbid_one_one.size()",
    }  # fmt: skip


def test_each_kind_of_object_has_a_group_with_its_rules_alone() -> None:
    both = {**POLICY["spec"]["matchConstraints"], "resourceRules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods", "services"]},
    ]}  # fmt: skip
    other = [{"name": "one", "expression": "object.metadata.labels"}]
    rule = [{"expression": "variables.one.size() < 9", "message": "too many labels"}]
    documents = list(grouped([pair("forbid-one"), pair("forbid-two", matchConstraints=both, variables=other, validations=rule)]))
    assert named(documents) == ["tenant-pods", "tenant-services"]
    pods, services = (each["spec"] for each in documents if each["kind"] == "ValidatingAdmissionPolicy")
    assert [each["message"] for each in pods["validations"]] == ["forbid-one: too much of one", "forbid-two: too many labels"]
    assert services["validations"] == [
        {"expression": "variables.leaving || (variables.forbid_two_one.size() < 9)", "message": "forbid-two: too many labels"}
    ]
    assert [each["name"] for each in services["variables"]] == ["leaving", "forbid_two_one"]
    assert pods["validations"][1]["expression"].startswith("variables.leaving || (variables.forbid_two_one"), "it has a name of its own"


def test_quota_is_looked_up_only_where_a_policy_wants_it() -> None:
    services = {**POLICY["spec"]["matchConstraints"], "resourceRules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["services"]},
    ]}  # fmt: skip
    policy, binding = pair("forbid-two", paramKind={"apiVersion": "v1", "kind": "ResourceQuota"})
    binding["spec"]["paramRef"] = {"name": "quota", "parameterNotFoundAction": "Deny"}
    documents = list(grouped([pair("forbid-one", matchConstraints=services), (policy, binding)]))
    looked = {each["metadata"]["name"]: {"paramKind", "paramRef"} & each["spec"].keys() for each in documents}
    assert looked == {"tenant-pods": {"paramRef"}, "tenant-services": set()}
    assert [each["metadata"]["name"] for each in documents if "paramKind" in each["spec"]] == ["tenant-pods"]


@pytest.mark.parametrize(
    "changes",
    [
        {"matchConditions": []},
        {"matchConstraints": {"resourceRules": POLICY["spec"]["matchConstraints"]["resourceRules"]}},
        {"auditAnnotations": [{"key": "exempt", "valueExpression": "''"}]},
        {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}},
        {"validations": [{"expression": "true", "message": "no", "messageExpression": "'no'"}]},
        {"matchConstraints": {**POLICY["spec"]["matchConstraints"], "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods/*"]},
        ]}},
    ],
    ids=["conditions", "namespaces", "exemption", "look-up", "computed-message", "wildcard"],
)  # fmt: skip
def test_what_holds_for_something_else_stays_on_its_own(changes: dict[str, Any]) -> None:
    assert named(list(grouped([pair("forbid-one"), pair("forbid-two"), pair("forbid-three", **changes)]))) == [
        "tenant-pods",
        "forbid-three",
    ]


def test_one_alone_is_no_group() -> None:
    assert named(list(grouped([pair("forbid-one")]))) == ["forbid-one"]


def test_policy_with_an_exemption_leaves_the_group_in_its_cluster(platform: Platform, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    granted = datetime.now(UTC)
    entry = {
        "policy": "require-resources", "cluster": "live-1", "namespace": "tenant-credit", "name": "decision",
        "granted": granted.isoformat(), "until": (granted + timedelta(hours=1)).isoformat(), "who": "on-call@example.com",
        "reason": "INC0042: the vendor names no limits",
    }  # fmt: skip
    (tmp_path / EXEMPTIONS).write_text(json.dumps({"exemptions": [entry]}), encoding="utf-8")

    def in_force(cluster: str) -> dict[str, str]:
        listed = cast("list[Document]", list(policies.objects(platform, platform.clusters[cluster], tmp_path)))
        return {each["metadata"]["name"]: json.dumps(each["spec"]) for each in listed if "validations" in each["spec"]}

    with_exemption, without = in_force("live-1"), in_force("live-2")
    assert "require-resources" in with_exemption
    assert "require-resources" not in without
    for group in ("tenant-pods", "tenant-inferenceservices"):
        assert "require-resources: " not in with_exemption[group]
        assert "require-resources: " in without[group]
