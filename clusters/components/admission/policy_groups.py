"""Policies for objects of tenants are put into one for each kind of object, because the API server's price is by the policy.

For each ValidatingAdmissionPolicy it turns the whole object into CEL's form four times: for the conditions, the validations, their
messages and the audit annotations (pkg/admission/plugin/policy/validating of k8s.io/apiserver). For a pod that is most of a
millisecond, and eight policies look at a pod. Beside it, every rule that does not mean the object costs a hundredth of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from tidegate.facts import names

Document = dict[str, Any]
"""A policy or its binding as the API server takes them."""

_TENANTS = {"matchExpressions": [{"key": names.LABEL_TENANT, "operator": "Exists"}]}
_NOT_BEING_DELETED = {"name": "not-being-deleted", "expression": "!has(object.metadata.deletionTimestamp)"}
_QUOTA = ({"apiVersion": "v1", "kind": "ResourceQuota"}, {"name": "quota", "parameterNotFoundAction": "Deny"})
_NO_LOOK_UP = (None, None)
_FIELDS = {"failurePolicy", "paramKind", "matchConstraints", "matchConditions", "variables", "validations"}
_RULE_FIELDS = {"apiGroups", "apiVersions", "operations", "resources"}
_ASKED = "request.operation + ' ' + request.resource.group + '/' + request.resource.resource + '/' + request.?subResource.orValue('')"
_VARIABLE = re.compile(r"\bvariables\.([A-Za-z_]\w*)")


GROUP_PREFIX = "tenant-"


def group_name(resource: str) -> str:
    """The group for a resource, such as `pods`; subresources belong to it."""
    return f"{GROUP_PREFIX}{resource.partition('/')[0]}"


def grouped(policies: Sequence[tuple[Document, Document]]) -> Iterator[Document]:
    """Policies and their bindings: the groups first, then those that hold for something else, look elsewhere or have an exemption.

    A message of a group begins with the name of the policy whose it is. A group with a policy that looks up the quota of the
    object's namespace refuses everything where there is none.
    """
    together = [policy for policy, binding in policies if _fits(policy["spec"], binding["spec"])]
    if len(together) > 1:
        for resource in sorted({group_name(asked[2]) for policy in together for asked in _requests(policy["spec"])}):
            yield from _group(resource, together)
    else:
        together = []
    for policy, binding in policies:
        if policy not in together:
            yield policy
            yield binding


def _fits(spec: Document, binding: Document) -> bool:
    constraints = spec["matchConstraints"]
    return (
        spec.keys() <= _FIELDS
        and binding.keys() <= {"policyName", "validationActions", "paramRef"}
        and (spec.get("paramKind"), binding.get("paramRef")) in (_NO_LOOK_UP, _QUOTA)
        and constraints.keys() == {"namespaceSelector", "resourceRules"}
        and constraints["namespaceSelector"] == _TENANTS
        and all(rule.keys() == _RULE_FIELDS and "*" not in str([rule["apiGroups"], rule["resources"]]) for rule in constraints["resourceRules"])
        and spec.get("matchConditions") == [_NOT_BEING_DELETED]
        and not any("messageExpression" in validation for validation in spec["validations"])
    )  # fmt: skip


def _group(group: str, policies: Sequence[Document]) -> list[Document]:
    every = {policy["metadata"]["name"]: [one for one in _requests(policy["spec"]) if group_name(one[2]) == group] for policy in policies}
    mine = {name: asked for name, asked in every.items() if asked}
    policies = [policy for policy in policies if policy["metadata"]["name"] in mine]
    everything = {one for asked in mine.values() for one in asked}
    # A condition of the group would cost as much as a policy.
    variables = {"has(object.metadata.deletionTimestamp)": "leaving"}
    if any(set(asked) != everything for asked in mine.values()):
        variables[_ASKED] = "asked"
    validations: list[dict[str, str]] = []
    versions: dict[tuple[str, str, str], set[str]] = {}
    for policy in policies:
        spec, name = policy["spec"], policy["metadata"]["name"]
        for operation, api_group, resource in mine[name]:
            versions.setdefault((api_group, resource, operation), set()).update(_versions(spec, api_group))
        own: dict[str, str] = {}
        for each in spec.get("variables", ()):
            # What two policies compute in the same words is computed once.
            own[each["name"]] = variables.setdefault(_renamed(own, each["expression"]), f"{name.replace('-', '_')}_{each['name']}")
        unless = "variables.leaving"
        if set(mine[name]) != everything:
            unless += f" || !(variables.asked in {sorted({_asked(*one) for one in mine[name]})})"
        validations += [
            {"expression": f"{unless} || ({_renamed(own, each['expression'])})", "message": f"{name}: {each['message']}"}
            for each in spec["validations"]
        ]
    described = {
        names.ANNOTATION_REASON: "One policy for all that hold for the same objects: each policy costs a create the same, whatever it says.",
        names.ANNOTATION_REFUSES: f"What {', '.join(mine)} refuse; each message begins with its name.",
        # With an exemption a policy leaves the group. It has to be in force by itself before the group is without it.
        "argocd.argoproj.io/sync-wave": "1",
    }
    looks_up = any("paramKind" in policy["spec"] for policy in policies)
    param_kind, param_ref = _QUOTA
    spec: Document = {
        "failurePolicy": "Fail",
        **({"paramKind": param_kind} if looks_up else {}),
        "matchConstraints": {"namespaceSelector": _TENANTS, "resourceRules": _rules(versions)},
        "variables": [{"name": variable, "expression": expression} for expression, variable in variables.items()],
        "validations": validations,
    }
    bound: Document = {"policyName": group, **({"paramRef": param_ref} if looks_up else {}), "validationActions": ["Deny", "Audit"]}
    versioned = {"apiVersion": policies[0]["apiVersion"]}
    return [
        {**versioned, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": group, "annotations": described}, "spec": spec},
        {**versioned, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": group}, "spec": bound},
    ]


def _requests(spec: Document) -> Iterator[tuple[str, str, str]]:
    """Operation, API group and resource of all that a policy looks at."""
    for rule in spec["matchConstraints"]["resourceRules"]:
        for api_group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for operation in rule["operations"]:
                    yield operation, api_group, resource


def _asked(operation: str, api_group: str, resource: str) -> str:
    return f"{operation} {api_group}/{resource}{'' if '/' in resource else '/'}"


def _versions(spec: Document, api_group: str) -> list[str]:
    rules = cast("list[dict[str, list[str]]]", spec["matchConstraints"]["resourceRules"])
    return [version for rule in rules if api_group in rule["apiGroups"] for version in rule["apiVersions"]]


def _rules(versions: dict[tuple[str, str, str], set[str]]) -> list[dict[str, list[str]]]:
    """One rule for each API group and resource."""
    rules: list[dict[str, list[str]]] = []
    for api_group, resource in sorted({key[:2] for key in versions}):
        keys = [key for key in versions if key[:2] == (api_group, resource)]
        found = sorted(set[str]().union(*(versions[key] for key in keys)))
        rules.append({
            "apiGroups": [api_group], "apiVersions": ["*"] if "*" in found else found, "operations": sorted(key[2] for key in keys),
            "resources": [resource],
        })  # fmt: skip
    return rules


def _renamed(own: Mapping[str, str], expression: str) -> str:
    return _VARIABLE.sub(lambda found: f"variables.{own[found[1]]}", expression)
