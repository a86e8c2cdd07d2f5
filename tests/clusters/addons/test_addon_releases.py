"""Production and the embedded region install one release: chart, module and image tags say the same number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from clusters.addons import istio, vault
from clusters.addons.add_on import AddOn, ChartRelease, ReleasedFiles, SourceModule
from clusters.addons.listing import ADD_ONS, modules
from clusters.releases import RELEASES
from tests.clusters.addons.addon_objects import BUILDS, TAGS
from tidegate.repository import schemas

each_add_on = pytest.mark.parametrize("add_on", ADD_ONS, ids=[add_on.name for add_on in ADD_ONS])

OF_OTHERS = {"pause", "redis"}
"""Images that are released under a number of their own."""


OWN_CHARTS = {"vault": vault.CHART_VERSION}
"""Charts that are numbered apart from what they install."""


def module_version(module: str, release: str) -> str:
    """The version of a Go module that belongs to a release, by its project's habit."""
    if module.startswith("knative.dev/"):
        _, minor, patch = release.split(".")
        return f"v0.{int(minor) + 27}.{patch}"
    if module.startswith("github.com/prometheus/prometheus"):
        major, minor, patch = release.split(".")
        return f"v0.{major}{minor}.{patch}"
    return f"v{release}"


@each_add_on
def test_production_runs_the_same_release(add_on: AddOn) -> None:
    expected = OWN_CHARTS.get(add_on.name, RELEASES.chart("istio", "istiod") if add_on.name.startswith("istio") else add_on.version)
    assert add_on.production.version == expected
    if isinstance(add_on.production, ReleasedFiles):
        assert all(expected in url for url in add_on.production.urls)


def test_istios_build_is_of_the_line_that_production_runs() -> None:
    line, _, day = istio.VERSION.partition("-")
    assert all(chart.startswith(f"{line}.") for chart in RELEASES.components["istio"].charts.values())
    assert f"-{day}" in istio.MODULE.version


@each_add_on
def test_image_tags_name_the_release(add_on: AddOn) -> None:
    for image in add_on.images:
        assert TAGS[image] == (RELEASES.release(image) if image in OF_OTHERS else add_on.version), image


@each_add_on
def test_the_module_is_of_the_release(add_on: AddOn) -> None:
    if add_on.name.startswith("istio"):
        return  # a commit, compared above
    if add_on.name in OWN_CHARTS:
        assert [module.version for module in add_on.modules] == [f"v{OWN_CHARTS[add_on.name]}"]
        return
    for module in add_on.modules[:1]:  # what follows the first is what the first is built with
        assert module.version == module_version(module.path, add_on.version)


def test_vaults_chart_is_told_the_release_that_is_built() -> None:
    assert isinstance(vault.ADD_ON.production, ChartRelease)
    told: Any = vault.ADD_ON.production.values
    assert told["server"]["image"]["tag"] == vault.VERSION
    assert pinned_in(BUILDS / "vault" / "go.mod")["github.com/hashicorp/vault"] == f"v{vault.VERSION}"


@pytest.mark.parametrize("family", ["prometheus", "coredns"])
def test_what_is_built_without_upstream_objects_is_of_the_release_too(family: str) -> None:
    [add_on] = [add_on for add_on in ADD_ONS if add_on.name == family]
    path = {"prometheus": "github.com/prometheus/prometheus", "coredns": "github.com/coredns/coredns"}[family]
    assert pinned_in(BUILDS / family / "go.mod")[path] == module_version(path, add_on.version)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.path)
def test_objects_come_from_the_very_module_that_is_built(module: SourceModule) -> None:
    if module.family:
        assert pinned_in(BUILDS / module.family / "go.mod")[module.path] == module.version
    else:  # nothing of it is built here; the schemas pin it
        assert module.version in {operator.version for operator in schemas.OPERATORS if operator.module == module.path}


def test_schemas_are_read_from_the_modules_that_are_installed() -> None:
    installed = {module.path: module.version for module in modules()}
    for operator in schemas.OPERATORS:
        assert installed.get(operator.module, operator.version) == operator.version


def pinned_in(go_mod: Path) -> dict[str, str]:
    return dict(re.findall(r"^(?:require )?\s*([\w./-]+) (v[\w.+-]+)", go_mod.read_text(encoding="utf-8"), flags=re.MULTILINE))
