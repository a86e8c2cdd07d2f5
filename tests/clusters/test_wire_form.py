"""Our wire form is what Pulumi's own classes would send."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.objects.wire_form import FREE_FORM, WIRE_NAMES, to_wire
from tests.clusters.selection import Select

OBJECTS = [
    ("core", "Namespace", "live-1/tenants/fraud", "tenant-fraud"),
    ("core", "ResourceQuota", "live-1/tenants/credit", "quota"),
    ("core", "LimitRange", "live-1/tenants/credit", "containers"),
    ("core", "ServiceAccount", "live-1/tenants/credit", "default"),
    ("core", "ConfigMap", "live-1/platform/gpu-sharing", "tidegate-mig-config"),
    ("networking", "NetworkPolicy", "live-1/tenants/credit", "allow-model-store"),
    ("networking", "NetworkPolicy", "live-1/tenants/credit", "allow-same-tenant"),
    ("policy", "PodDisruptionBudget", "live-1/tenants/fraud", "scorer-predictor"),
    ("rbac", "Role", "live-1/tenants/fraud", "fraud-deploy"),
    ("rbac", "RoleBinding", "live-1/tenants/fraud", "fraud-deploy"),
    ("scheduling", "PriorityClass", "live-1/platform/priorities", "tidegate-batch"),
    ("apps", "DaemonSet", "live-1/platform/prepull", "prepull-l4-whole"),
]


def integral(value: Any) -> Any:
    """Pulumi's protocol knows floats only."""
    if isinstance(value, dict):
        return {key: integral(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [integral(inner) for inner in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def python_names(value: Any, *, is_free_form: bool = False) -> Any:
    """The way back: what a user of Pulumi's classes would have typed."""
    if isinstance(value, list):
        return [python_names(inner) for inner in cast("list[Any]", value)]
    if not isinstance(value, dict) or is_free_form:
        return cast("Any", value)
    back = {wire: name for name, wire in WIRE_NAMES.items()}
    named = {back[key]: inner for key, inner in cast("dict[str, Any]", value).items()}
    return {key: python_names(inner, is_free_form=key in FREE_FORM and isinstance(inner, dict)) for key, inner in named.items()}


def test_pulumi_registers_the_same_objects(select: Select) -> None:
    ours: list[dict[str, Any]] = [each for _, kind, folder, name in OBJECTS for each in select(folder, kind, name)]
    assert len(ours) == len(OBJECTS)
    wanted = [
        {
            "group": group,
            "kind": kind,
            "arguments": python_names({key: value for key, value in each.items() if key not in {"apiVersion", "kind"}}),
        }
        for (group, kind, _, _), each in zip(OBJECTS, ours, strict=True)
    ]
    script = Path(__file__).parent / "pulumi_registrations.py"
    done = subprocess.run([sys.executable, str(script)], input=json.dumps(wanted), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for theirs, each in zip(json.loads(done.stdout), ours, strict=True):
        assert integral(theirs) == each


@pytest.mark.parametrize("group", ["apps", "core", "meta", "networking", "policy", "rbac", "scheduling"])
def test_every_field_name_of_pulumi_is_converted_as_pulumi_does(group: str) -> None:
    package = find_spec("pulumi_kubernetes")
    assert package
    assert package.origin
    source = (Path(package.origin).parent / group / "v1" / "_inputs.py").read_text(encoding="utf-8")
    declared = re.findall(r'@pulumi\.getter\(name="(\w+)"\)\n    def (\w+)\(', source)
    declared += [(name, name) for name in re.findall(r"@pulumi\.getter\n    def (\w+)\(", source)]
    assert len(declared) > 5
    # `Port` is in a node's status, which only the kubelet writes.
    wrong = sorted({f"{name} -> {wire}" for wire, name in declared if WIRE_NAMES[name] != wire and wire != "Port"})
    assert wrong == [], "add these to _IRREGULAR in clusters/objects/wire_form.py"


def test_names_inside_free_form_maps_are_kept() -> None:
    typed = {"metadata": {"labels": {"my_key": "a"}}, "data": {"some_key": "b"}, "spec": {"limits": [{"default_request": {"my_res": "1"}}]}}
    assert to_wire(typed) == {
        "metadata": {"labels": {"my_key": "a"}},
        "data": {"some_key": "b"},
        "spec": {"limits": [{"defaultRequest": {"my_res": "1"}}]},
    }
