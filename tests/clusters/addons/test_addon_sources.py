"""What is kept of upstream's modules is little, and enough to render from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusters.addons import __main__ as program
from clusters.addons.add_on import HelmChart, Kustomization, SourceModule, YamlFiles
from clusters.addons.listing import ADD_ONS
from clusters.addons.region import AddOnRegion
from clusters.addons.render import render
from clusters.addons.sources import described, files_read
from tidegate.errors import ManifestError

MODULE = SourceModule("example.org/upstream", "v1.0.0")
ADD_ON = next(add_on for add_on in ADD_ONS if add_on.name == "kube-state-metrics")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module with a base, an overlay that changes it, and much that neither reads."""
    texts = {
        "config/base/kustomization.yaml": "resources: [deployment.yaml]\nconfigMapGenerator:\n  - {name: c, files: [key=settings.ini]}\n",
        "config/base/deployment.yaml": "kind: Deployment\n",
        "config/base/settings.ini": "a=1\n",
        "config/base/unread.yaml": "kind: Secret\n",
        "config/overlay/kustomization.yml": (
            "bases: [../base]\npatches:\n  - path: patch.yaml\n  - patch: |\n      kind: x\n"
            "images: [{name: overlay}]\nnamespace: config\nresources: ['https://example.org/remote.yaml', ../../../outside.yaml]\n"
        ),
        "config/overlay/patch.yaml": "kind: Deployment\n",
        "chart/Chart.yaml": "name: chart\n",
        "chart/templates/a.yaml": "kind: Service\n",
        "crds/one.yaml": "kind: CustomResourceDefinition\n",
        "crds/two-hpa.yaml": "kind: CustomResourceDefinition\n",
        "main.go": "package main\n",
    }
    for name, text in texts.items():
        path = tmp_path / "module" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "outside.yaml").write_text("kind: Secret\n")
    return tmp_path / "module"


KUSTOMIZED = [
    "config/base/deployment.yaml", "config/base/kustomization.yaml", "config/base/settings.ini", "config/overlay/kustomization.yml",
    "config/overlay/patch.yaml",
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "expected", "words"),
    [
        (Kustomization(MODULE, "config/overlay"), KUSTOMIZED, "kustomization config/overlay"),
        (HelmChart(MODULE, "chart", "r", "n", lambda _region: {}), ["chart/Chart.yaml", "chart/templates/a.yaml"], "chart chart"),
        (YamlFiles(MODULE, ("crds/*.yaml",), ("-hpa.yaml",)), ["crds/one.yaml"], "files crds/*.yaml without -hpa.yaml"),
    ],
    ids=["kustomization", "chart", "files"],
)
def test_files_that_rendering_reads(module: Path, source: Kustomization | HelmChart | YamlFiles, expected: list[str], words: str) -> None:
    assert files_read((replace(ADD_ON, embedded=(source,)),), {MODULE.key: module}) == {MODULE.key: expected}
    assert described(source) == words


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Kustomization(MODULE, "config"), r"config: no kustomization in it; read the release and adapt the add-on \[upstream-changed\]"),
        (YamlFiles(MODULE, ("crds/*.yml",)), r"crds/\*\.yml: no file matches; read the release and adapt the add-on \[upstream-changed\]"),
    ],
    ids=["kustomization", "files"],
)
def test_source_that_upstream_no_longer_has_is_refused(module: Path, source: Kustomization | YamlFiles, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        files_read((replace(ADD_ON, embedded=(source,)),), {MODULE.key: module})


def test_add_ons_render_the_same_from_what_is_kept(
    inputs: Any, region: AddOnRegion, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are kustomized; a chart is kept whole, and files are found by the same globs."""
    (tmp_path / "modules.json").write_text(json.dumps({key: str(folder) for key, folder in inputs.modules.items()}))
    assert program.main(["files", "--modules", str(tmp_path / "modules.json")]) == 0
    kept: dict[str, Path] = {}
    for number, (key, files) in enumerate(json.loads(capsys.readouterr().out).items()):
        kept[key] = tmp_path / str(number)
        for name in files:
            (kept[key] / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(inputs.modules[key] / name, kept[key] / name)
    assert kept.keys() == inputs.modules.keys()
    kustomized = [add_on for add_on in ADD_ONS if any(isinstance(source, Kustomization) for source in add_on.embedded)]
    assert {add_on.name for add_on in kustomized} == {"argo-cd", "kserve", "kube-state-metrics"}
    for add_on in kustomized:
        assert render(add_on, kept, region, inputs.programs) == inputs.render(add_on, region), add_on.name
    sizes = {key: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) for key, folder in kept.items()}
    assert sum(sizes.values()) < 20e6, sizes
