"""What docs/architecture.md claims about imports, the mesh and releases is what the tree holds."""

from __future__ import annotations

import re
import tomllib

from tests.root import ROOT
from tidegate.facts import names

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
RENDERED = ROOT / "gitops" / "rendered" / "live-1"


def walk(of: str) -> str:
    return PAGE.partition(f"\n## The walk of {of}\n")[2].partition("\n## ")[0]


def test_layers_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["name"] == "layers of the library"]
    assert PAGE.partition("```\n")[2].partition("```")[0].splitlines() == layers


def test_objects_on_the_way_of_a_request_are_rendered() -> None:
    named = re.findall(r"`([a-z-]+\.yaml)`", walk("a request"))
    assert len(named) > 8
    assert [name for name in named if not list(RENDERED.rglob(name))] == []


def test_two_applications_apply_a_tenant() -> None:
    for name in (names.guard_rails_application("<tenant>"), names.tenant_application("<tenant>")):
        assert f"`{name}`" in walk("a change")
        assert list(RENDERED.rglob(f"application-{name.replace('<tenant>', 'fraud')}.yaml"))


def test_nothing_rendered_steers_traffic_between_versions() -> None:
    assert "There is no governed canary yet" in walk("a release")
    services = list(RENDERED.rglob("inferenceservice-*.yaml"))
    assert services
    assert not [path for path in services if "canaryTrafficPercent" in path.read_text(encoding="utf-8")]
