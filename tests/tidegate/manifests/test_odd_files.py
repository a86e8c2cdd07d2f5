"""Rendered files that hold something odd are findings, whatever is odd in them; and findings tell what was counted, and which facts to edit."""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml_rs

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.manifests.placed import Placed
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.tree import facts_of
from tidegate.manifests.validate import PricedPlatform, judge, validate_folder
from tidegate.manifests.yaml_text import parse

ODD: tuple[Any, ...] = (None, [], {}, "", "x", -1, 2**70, True, [None], [[]], {"": None})
RENDERED = ROOT / "gitops/rendered/live-1"


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


def of_every_kind() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(RENDERED.rglob("*.yaml")):
        found.setdefault(path.name.partition("-")[0], cast("dict[str, Any]", parse(path.read_text())))
    return found


@pytest.mark.parametrize("at", ["metadata", "spec", "kind", "apiVersion", "metadata.name", "metadata.labels", "metadata.annotations"])
def test_odd_heads_are_findings(tmp_path: Path, schemas: SchemaSet, platform: Platform, at: str) -> None:
    for kind, manifest in of_every_kind().items():
        for number, odd in enumerate(ODD):
            changed = copy.deepcopy(manifest)
            _set(changed, at.split("."), odd)
            path = tmp_path / f"live-1/{kind}-{number}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml_rs.dumps(changed))
    found = {finding.source for finding in validate_folder(tmp_path, schemas, PricedPlatform(platform, PRICES))}
    assert len(found) > len(ODD)


def test_odd_values_anywhere_are_findings(tmp_path: Path, schemas: SchemaSet, platform: Platform) -> None:
    chance = random.Random(17)
    for seed in range(20):
        folder = tmp_path / str(seed)
        shutil.copytree(RENDERED, folder / "live-1", ignore=lambda _, names: {one for one in names if "." in one and chance.random() < 0.7})
        for path in folder.rglob("*.yaml"):
            manifest = cast("dict[str, Any]", parse(path.read_text()))
            _set(manifest, chance.choice(list(_places(manifest))), chance.choice(ODD))
            path.write_text(yaml_rs.dumps(manifest))
        assert validate_folder(folder, schemas, PricedPlatform(platform, PRICES))


def _places(value: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    if isinstance(value, dict):
        inner: Iterable[tuple[Any, object]] = cast("dict[str, object]", value).items()
    else:
        inner = enumerate(cast("list[object]", value)) if isinstance(value, list) else ()
    for step, one in inner:
        yield from _places(one, (*at, step))


def _set(manifest: Any, place: Any, odd: object) -> None:
    at = manifest
    for step in place[:-1]:
        at = cast("dict[str, Any]", at).setdefault(step, {}) if isinstance(at, dict) else at[step]
    at[place[-1]] = odd


ROUTE = """# Rendered from gitops/tenants/fraud.yaml by `tidegate render`; edit that, not this file.
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: fraud, namespace: edge}}
spec:
  rules: [{rules}]
"""


def said(tmp_path: Path, schemas: SchemaSet, text: str) -> list[str]:
    path = tmp_path / "live-1/x.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return [str(finding) for finding in validate_folder(tmp_path, schemas) if finding.rule.startswith("schema-")]


def test_finding_names_number_limit_facts_and_key_and_no_object(tmp_path: Path, schemas: SchemaSet) -> None:
    rules = ", ".join("{backendRefs: [{name: a, port: 80}]}" for _ in range(17))
    assert said(tmp_path, schemas, ROUTE.format(rules=rules)) == [
        "live-1/x.yaml: spec.rules: 17 rules, at most 16; take some away in gitops/tenants/fraud.yaml, then run `tidegate render` [schema-max-items]"
    ]
    assert said(tmp_path, schemas, ROUTE.format(rules="{backendRefs: [{name: a, port: 80}]}")) == []


@pytest.mark.parametrize(
    ("rules", "finding"),
    [
        ("{name: 7}", "spec.rules[0].name = 7: is not of type string; write text"),
        ("{backendRefs: [{name: a, port: 0}]}", "spec.rules[0].backendRefs[0].port = 0: must be at least 1; write such a number"),
        (f"{{name: {'a' * 254}}}", "254 characters, at most 253; take some away"),
        ("[1]", "spec.rules[0]: is not of type object; write a mapping"),
        ("{backendRefs: {name: a}}", "spec.rules[0].backendRefs: is not of type array; write a list"),
    ],
    ids=["text", "bound", "length", "mapping", "list"],
)
def test_every_schema_finding_is_short_and_in_words(tmp_path: Path, schemas: SchemaSet, rules: str, finding: str) -> None:
    [found] = said(tmp_path, schemas, ROUTE.format(rules=rules))
    assert finding in found
    assert "{" not in found


def test_head_of_a_rendered_file_names_its_facts() -> None:
    assert facts_of(ROUTE) == "gitops/tenants/fraud.yaml"
    assert facts_of("# by hand\nkind: X\n") == ""


POD = {"hostNetwork": True, "containers": [], "ephemeralContainers": [{"name": "debug", "image": "docker.io/library/busybox"}]}


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("ReplicationController", {"spec": {"template": {"spec": POD}}}, "spec.template.spec"),
        ("PodTemplate", {"template": {"spec": POD}}, "template.spec"),
        ("Pod", {"spec": POD}, "spec"),
    ],
)
def test_every_kind_of_pod_and_container_is_under_the_rules(schemas: SchemaSet, kind: str, body: dict[str, Any], path: str) -> None:
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "tenant-fraud"}, **body}
    found = {(one.rule, one.path) for one in judge(Placed("x.yaml", manifest), schemas)}
    assert ("forbid-host-access", f"{path}.hostNetwork") in found
    assert ("require-approved-images", f"{path}.ephemeralContainers[0].image") in found
    assert ("require-restricted-container", f"{path}.ephemeralContainers[0].securityContext.runAsNonRoot") in found
