"""What is refused before anything is written, and what the program says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusters.addons import __main__ as program
from clusters.addons import documents, kserve
from clusters.addons.listing import ADD_ONS
from clusters.addons.monitoring import kube_state_metrics
from clusters.addons.region import AddOnRegion
from tests.clusters.addons.addon_objects import IMAGES
from tests.root import ROOT
from tidegate.contracts.rendering import AddOnsRequest
from tidegate.errors import ManifestError


def test_image_without_digest_is_refused(inputs: Any, region: AddOnRegion) -> None:
    by_tag = replace(
        region, images={**IMAGES, "kube-state-metrics": f"registry.example.com/tidegate/kube-state-metrics:{kube_state_metrics.VERSION}"}
    )
    with pytest.raises(ManifestError, match=r"has no digest; write name:tag@sha256:<digest> \[image-not-pinned\]"):
        inputs.render(kube_state_metrics.ADD_ON, by_tag)


def test_missing_image_is_refused(inputs: Any, region: AddOnRegion) -> None:
    with pytest.raises(ManifestError, match=r"kube-state-metrics: no such image"):
        inputs.render(kube_state_metrics.ADD_ON, replace(region, images={}))


def test_missing_module_is_refused_with_the_command_that_brings_it(inputs: Any, region: AddOnRegion) -> None:
    with pytest.raises(
        ManifestError, match=rf"go mod download k8s.io/kube-state-metrics/v2@v{kube_state_metrics.VERSION} \[module-missing\]"
    ):
        replace(inputs, modules={}).render(kube_state_metrics.ADD_ON, region)


def test_an_image_that_a_new_release_brings_is_refused() -> None:
    deployment: documents.Document = {
        "kind": "Deployment",
        "metadata": {"name": "server"},
        "spec": {"template": {"spec": {"containers": [{"name": "new", "image": "ghcr.io/somebody/new:v1"}]}}},
    }
    with pytest.raises(ManifestError, match=r"Deployment server: new = ghcr.io/somebody/new:v1: no image of ours stands for it"):
        documents.pin_images([deployment], {"ghcr.io/somebody/old": "ours"})


@pytest.mark.parametrize(
    "image",
    ["docker.io/library/redis", "docker.io/library/redis:8", "docker.io/library/redis@sha256:aa", "docker.io/library/redis:8@sha256:aa"],
)
def test_images_are_looked_up_without_tag_and_digest(image: str) -> None:
    deployment: Any = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "redis", "image": image}]}}}}
    documents.pin_images([deployment], {"docker.io/library/redis": "ours@sha256:bb"})
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "ours@sha256:bb"


def test_an_object_that_upstream_dropped_is_named() -> None:
    with pytest.raises(ManifestError, match=r"ConfigMap argocd-cm: upstream no longer has it"):
        documents.find([], "ConfigMap", "argocd-cm")


def test_list_tells_both_sources_of_every_add_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["list"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [add_on["name"] for add_on in listed] == [add_on.name for add_on in ADD_ONS]
    assert all(add_on["production"]["version"] for add_on in listed)


@pytest.fixture
def files(tmp_path: Path, inputs: Any, region: AddOnRegion) -> list[str]:
    """The program's arguments, its request written as a file."""
    request = AddOnsRequest(
        facts=region.facts, images=dict(IMAGES), modules=dict(inputs.modules), helm=inputs.programs.helm, kubectl=inputs.programs.kubectl,
        out=tmp_path / "out", secrets=tmp_path / "secrets.json",
    )  # fmt: skip
    (tmp_path / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
    return ["--root", str(ROOT), "--request", str(tmp_path / "request.json")]


def test_one_add_on_is_rendered_alone(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["render", *files, "--only", "coredns"]) == 0
    assert json.loads(capsys.readouterr().out)["files_written"] == 6
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["coredns"]


def test_an_unknown_add_on_is_refused_with_those_that_exist(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["render", *files, "--only", "kourier"]) == 2
    assert "no add-on kourier; there are argo-cd, coredns" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dns_adress": "10.96.0.10"}, "request.json: facts.dns_adress: Extra inputs are not permitted"),
        ({"cluster": "live-9"}, "facts.cluster = live-9: not in the inventory, which has live-1, live-2"),
        ({"replicas": 0}, "request.json: facts.replicas: Input should be greater than or equal to 1"),
    ],
    ids=["unknown-key", "unknown-cluster", "no-replicas"],
)
def test_wrong_facts_are_refused(
    change: dict[str, object], said: str, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "request.json"
    request = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**request, "facts": {**request["facts"], **change}}), encoding="utf-8")
    assert program.main(["render", *files]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_secrets_are_written_for_their_owner_and_never_into_the_tree(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secrets.json").write_text("readable by all", encoding="utf-8")
    assert program.main(["render", *files, "--only", "coredns"]) == 0
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    [secret] = json.loads((tmp_path / "secrets.json").read_text(encoding="utf-8"))
    assert secret["data"]["tls.key"] not in capsys.readouterr().out
    assert not list((tmp_path / "out").rglob("secret-*.yaml"))
    assert secret["metadata"] == {"name": kserve.WEBHOOK_SECRET, "namespace": "kserve", "labels": secret["metadata"]["labels"]}
