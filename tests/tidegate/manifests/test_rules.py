"""Every rule against its own examples: the file's name is the claim, its first lines are the expected findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.manifests.placed import Placed
from tidegate.manifests.rules import RULES
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.yaml_text import parse

FOLDER = Path(__file__).parent / "rules"
BY_NAME = {rule.__name__.replace("_", "-"): rule for rule in RULES}
CASES = sorted(FOLDER.glob("*/*.yaml"))


def read_case(path: Path) -> tuple[Placed, list[str]]:
    """The object, placed in a tenant's folder if the file says so, and the findings it expects."""
    text = path.read_text(encoding="utf-8")
    headers = [line.removeprefix("# ").partition(": ") for line in text.splitlines() if line.startswith("# ")]
    namespace = next((value for key, _, value in headers if key == "namespace"), None)
    expected = [f"{path.name}: {value}" for key, _, value in headers if key == "expect"]
    return Placed(path.name, parse(text), namespace), expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_rule_says_exactly_what_its_example_expects(path: Path) -> None:
    placed, expected = read_case(path)
    found = [str(finding) for finding in BY_NAME[path.parent.name](placed)]
    assert found == expected
    assert path.stem.startswith("deny-" if expected else "allow-"), "the file's name contradicts what it expects"


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_example_is_denied_by_its_rule_and_not_by_its_schema(path: Path, schemas: SchemaSet) -> None:
    placed, _ = read_case(path)
    assert [str(finding) for finding in schemas.findings(placed.manifest, path.name)] == []


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_rule_has_an_allowed_and_a_denied_example(name: str) -> None:
    stems = [path.stem for path in (FOLDER / name).glob("*.yaml")]
    assert any(stem.startswith("allow-") for stem in stems), f"add tests/tidegate/manifests/rules/{name}/allow-<reason>.yaml"
    assert any(stem.startswith("deny-") for stem in stems), f"add tests/tidegate/manifests/rules/{name}/deny-<reason>.yaml"
    assert name.startswith(("require-", "forbid-", "limit-"))


def test_no_examples_of_a_rule_that_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(BY_NAME)
