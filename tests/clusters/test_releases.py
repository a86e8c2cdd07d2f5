"""Versions are chosen in clusters/releases.yaml and nowhere else; what cannot read it agrees with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clusters.embedded.builds.go_mods import BUILDS, go_mod, versions
from tests.root import ROOT
from tidegate import tools
from tidegate.errors import InventoryError
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.inventory.releases import RELEASES, load_releases, read_with_releases
from tidegate.facts.releases import ReleasedComponent, Releases

COMPONENTS = load_releases(ROOT).components

MADE_BY_TOOLS = re.compile(r"(^|/)(go\.mod|go\.sum|package-lock\.json)$|^locks/|^gitops/rendered/|^clusters/prices/[^/]+$")
HISTORY = re.compile(r"^docs/decisions/|^CHANGELOG\.md$")
SAMPLES = re.compile(r"^policies/[^/]+/cases/|^tests/policies/bases/|^tests/tidegate/manifests/rules/")
"""Objects that a rule is tried with; what they name is nobody's choice."""
FLOORS = "tests/acceptance/steady/test_version_floors.py"
"""The lowest releases that are sound, which stay when a newer one is chosen."""


LIBRARIES = {
    ("argocd", "k8s.io/kubernetes"), ("istio", "sigs.k8s.io/gateway-api"), ("istio", "github.com/prometheus/prometheus"),
    ("knative", "sigs.k8s.io/gateway-api"),
}  # fmt: skip
"""What a family only takes a library from, in the version that its own upstream was released with."""


def words_of(name: str, component: ReleasedComponent) -> re.Pattern[str]:
    """What a line says that is about the component."""
    parts = [[part for part in path.split("/") if not re.fullmatch(r"v[0-9]+", part)][-1] for path in component.modules]
    words = {name, name.replace("-", ""), name.replace("-", "_"), *parts}
    return re.compile("|".join(map(re.escape, sorted(words))), re.IGNORECASE)


def versions_of(component: ReleasedComponent) -> re.Pattern[str]:
    """Any of its numbers, alone."""
    numbers = {one.removeprefix("v") for one in (component.release, *component.modules.values(), *component.charts.values())}
    return re.compile(rf"(?<![\w.])v?({'|'.join(map(re.escape, sorted(numbers)))})(?!\w|\.[0-9])")


PATTERNS = {name: (versions_of(component), words_of(name, component)) for name, component in COMPONENTS.items()}


def spelled_in(text: str) -> list[str]:
    """The components whose version some line spells, with the line."""
    return [
        f"{name}: {line.strip()[:120]}"
        for line in text.splitlines()
        for name, (versions, words) in PATTERNS.items()
        if versions.search(line) and words.search(line)
    ]


def test_no_other_file_spells_a_version_that_is_chosen_here() -> None:
    spelled: list[str] = []
    for file in tools.run(["git", "ls-files"], cwd=ROOT).stdout.splitlines():
        path = ROOT / file
        if (
            path.is_file()
            and file not in {RELEASES.as_posix(), FLOORS}
            and not any(one.search(file) for one in (MADE_BY_TOOLS, HISTORY, SAMPLES))
        ):
            spelled += [f"{file}: {line}" for line in spelled_in(path.read_text(encoding="utf-8", errors="replace"))]
    assert not spelled, "read these from clusters/releases.yaml:\n" + "\n".join(spelled)


@pytest.mark.parametrize("name", ["argo-cd", "knative"])
def test_a_version_beside_its_component_is_found(name: str) -> None:
    component = COMPONENTS[name]
    assert spelled_in(f"image: {name}:v{component.release}")
    assert not spelled_in(f"image: something-else:v{component.release}")
    assert not spelled_in(f"{name} {component.release}.1")


@pytest.mark.parametrize("family", sorted(path.parent.name for path in BUILDS.glob("*/go.mod")))
def test_builds_pin_the_modules_that_are_chosen_here(family: str) -> None:
    pinned = versions(go_mod(family))
    chosen = {
        path: version
        for component in COMPONENTS.values()
        for path, version in component.modules.items()
        if path in pinned and (family, path) not in LIBRARIES
    }
    assert {path: pinned[path] for path in chosen} == chosen


def test_a_module_is_pinned_by_one_component(tmp_path: Path) -> None:
    (tmp_path / "clusters").mkdir()
    entry = "{release: 1.0.0, modules: {example.com/x: v1.0.0}, source: Written for a test.}"
    (tmp_path / RELEASES).write_text(f"components:\n  one: {entry}\n  two: {entry}\n")
    with pytest.raises(
        InventoryError, match=r"components\.two\.modules.* = example\.com/x: is pinned by one too; keep one .*\[module-twice\]"
    ):
        read_fact(tmp_path, RELEASES, Releases)


def test_a_reference_to_no_component_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "clusters").mkdir()
    (tmp_path / RELEASES).write_text((ROOT / RELEASES).read_text())
    (tmp_path / "one.yaml").write_text('release: "{argo-dc}"\nsource: "written for a test"\n')
    with pytest.raises(
        InventoryError,
        match=r"one\.yaml: release = argo-dc: is in no entry of clusters/releases\.yaml; write one of argo-cd, .*component-unknown",
    ):
        read_with_releases(tmp_path, Path("one.yaml"), ReleasedComponent)
