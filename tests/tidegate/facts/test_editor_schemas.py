"""The schemas editors use say what the models say, as far as a schema can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
import pytest
import yaml

from tests.root import ROOT
from tidegate.facts.editor_schemas import DIALECT, editor_schemas
from tidegate.facts.inventory.yaml_files import read_document

SCHEMAS = ROOT / "tidegate" / "facts" / "schemas"
INVALID = ROOT / "tests/tidegate/facts/inventory/invalid"
PLATFORM = ROOT / "clusters/inventory/platform.yaml"
COMMITTED = sorted([PLATFORM, *ROOT.glob("clusters/inventory/*/cluster.yaml"), *ROOT.glob("gitops/t*/*.yaml")])

SEEN_BY_SCHEMA = {
    "field-missing", "key-unknown", "malformed", "not-a-choice", "not-boolean", "not-integer", "not-list", "not-mapping", "not-number",
    "not-text", "quantity-not-positive", "too-few", "too-large", "too-long", "too-many", "too-small",
}  # fmt: skip
"""Rules about one value; rules between values stay with `tidegate validate`."""


def _validator(place: str) -> jsonschema_rs.Draft202012Validator:
    kind = Path(place).stem if "inventory" in place else "tombstone" if "tombstones" in place else "tenant"
    return jsonschema_rs.Draft202012Validator(json.loads(editor_schemas()[f"{kind}.schema.json"]))


def _invalid_cases() -> Iterator[Any]:
    expected = cast("dict[str, dict[str, str]]", yaml.safe_load((INVALID / "expected.yaml").read_text(encoding="utf-8")))
    for case, facts in expected.items():
        if "as" in facts and case.split("--", 1)[0] in SEEN_BY_SCHEMA:
            yield pytest.param(case, facts["as"], id=case)


@pytest.mark.parametrize("name", sorted(editor_schemas()))
def test_committed_schema_is_current(name: str) -> None:
    assert (SCHEMAS / name).read_text(encoding="utf-8") == editor_schemas()[name], "the models have changed: run `tidegate render`"


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == set(editor_schemas())


@pytest.mark.parametrize("path", [pytest.param(path, id=path.parent.name if path.stem == "cluster" else path.stem) for path in COMMITTED])
def test_schema_accepts_every_committed_file(path: Path) -> None:
    _validator(path.as_posix()).validate(read_document(path, path.name))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.parent.name if path.stem == "cluster" else path.stem) for path in COMMITTED])
def test_modeline_of_every_committed_file_points_at_its_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    kind = path.stem if "inventory" in path.parts else path.parent.name.removesuffix("s")

    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.split("=", 1)[1]).resolve() == SCHEMAS / f"{kind}.schema.json"


@pytest.mark.parametrize(("case", "place"), list(_invalid_cases()))
def test_schema_refuses_what_a_schema_can_express(case: str, place: str) -> None:
    document = read_document(INVALID / f"{case}.yaml", case)

    assert not _validator(place).is_valid(document)


@pytest.mark.parametrize("name", sorted(editor_schemas()))
def test_schema_is_a_closed_draft_2020_12_schema_with_texts(name: str) -> None:
    schema = json.loads(editor_schemas()[name])
    jsonschema_rs.meta.validate(schema)

    assert schema["$schema"] == DIALECT
    assert schema["$id"] == name
    assert "/" not in schema["$id"]
    assert schema["title"].startswith("A Tidegate ")
    for part in [schema, *schema.get("$defs", {}).values()]:
        assert part["description"], part["title"]
        if part["type"] == "object":
            assert part["additionalProperties"] is False, part["title"]
    maps = [inner for inner in _mappings(schema) if "patternProperties" in inner]
    assert bool(maps) == (name in {"cluster.schema.json", "tenant.schema.json"})
    assert all(inner["additionalProperties"] is False for inner in maps)
    assert not [inner for inner in _mappings(schema) if {"gt", "le", "ge", "lt", "discriminator"} & set(inner)]


def test_descriptions_come_from_the_fields() -> None:
    schema = json.loads(editor_schemas()["tenant.schema.json"])

    assert schema["properties"]["owners"]["description"] == "Who gets alerts; at least one address that reaches people."


def test_schema_of_tombstones_accepts_what_the_command_writes() -> None:
    document = {
        "name": "retired", "clusters": ["live-1"], "requested_by": "a@example.com", "reason": "sold", "removed_on": "2026-11-21",
    }  # fmt: skip
    _validator("gitops/tombstones/retired.yaml").validate(document)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        yield mapping
        for inner in mapping.values():
            yield from _mappings(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _mappings(inner)
