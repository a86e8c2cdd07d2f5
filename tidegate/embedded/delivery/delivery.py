"""Renders what the embedded regions run and commits it to the local Git server, from where Argo CD takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from tidegate import tools
from tidegate.embedded import digest
from tidegate.embedded.delivery import git_server
from tidegate.embedded.digest import key_of
from tidegate.embedded.fleet import internet
from tidegate.embedded.fleet.bring_up import Local, Prepared
from tidegate.embedded.fleet.region import DNS, PROMETHEUS, service_address
from tidegate.embedded.images import Image
from tidegate.embedded.machines.network import INTERNET
from tidegate.facts.embedding import Embedding
from tidegate.facts.signature import Catalogue
from tidegate.live.kubernetes import Metadata, Read
from tidegate.manifests.layout import RENDERED, delivery_folder
from tidegate.manifests.yaml_text import Manifest

ADD_ONS = "gitops/add-ons"
BOOTSTRAP = "gitops/bootstrap"

_SOURCES = (
    "clusters/**/*.py",
    "clusters/inventory/**/*.yaml",
    "tidegate/errors.py",
    *(f"tidegate/{name}/**/*.py" for name in ("inventory", "manifests", "model")),
)
"""What decides how add-ons are rendered, beside their settings."""


def embedding(local: Local, images: Mapping[str, Image], catalogue: Catalogue) -> Embedding:
    """What the embedded region changes in production's facts."""
    return Embedding(
        repository_url=git_server.URL,
        edge_addresses={name: region.node for name, region in local.addresses.regions.items() if name in local.platform.clusters},
        image_digests={f"{image.repository}:{image.tag}": image.digest for image in images.values()},
        model_digests={entry.uri: entry.sha256 for entry in catalogue.models},
        catalogue=catalogue,
    )


def render(local: Local, facts: Embedding) -> None:
    """Renders tenants and components for this machine into the worktree of the Git server."""
    checkout, machine = local.checkout, local.machine(INTERNET)
    tree = git_server.open_worktree(machine)
    path = machine.folder / "embedding.json"
    path.write_text(facts.model_dump_json(), encoding="utf-8")
    command = [
        str(checkout.python), "-m", "clusters.program", "render", "--root", ".", "--out", str(tree / RENDERED), "--embedding", str(path),
    ]  # fmt: skip
    tools.run(command, cwd=checkout.root)


def render_add_ons(
    local: Local, cluster: str, prepared: Prepared, modules: Mapping[str, Path], webhook_certificate: tuple[Path, Path]
) -> None:
    """Renders one region's add-ons from `modules` (see `sources.add_on_folders`), unless what is there was rendered from the same."""
    checkout, addresses, platform = local.checkout, local.addresses, local.platform
    machine, images, programs = local.machine(INTERNET), prepared.images, prepared.programs
    work = machine.folder / "add-ons" / cluster
    work.mkdir(parents=True, exist_ok=True)
    hosts = {
        **internet.hosts(addresses),
        **{tenant.host_in(platform.clusters[cluster].domain): addresses.regions[cluster].node for tenant in platform.tenants_of(cluster)},
    }
    inputs = {
        "facts": {
            "cluster": cluster,
            "ca_certificate": internet.own_authority(machine).certificate_pem.decode(),
            "kserve_webhook_certificate_path": str(webhook_certificate[0]),
            "kserve_webhook_key_path": str(webhook_certificate[1]),
            "dns_address": service_address(addresses.regions[cluster], DNS),
            "prometheus_address": service_address(addresses.regions[cluster], PROMETHEUS),
            "hosts": hosts,
        },
        "images": {name: image.reference for name, image in images.items()},
        "modules": {key: str(folder) for key, folder in modules.items()},
    }
    out, record = git_server.worktree(machine) / ADD_ONS / cluster, work / "rendered"
    made_of = key_of(digest.of_files(checkout.root, _SOURCES), inputs, str(programs["helm"]))
    if record.is_file() and record.read_text(encoding="ascii") == f"{made_of} {digest.of_files(out, ('**/*',))}":
        return
    record.unlink(missing_ok=True)
    for name, content in inputs.items():
        (work / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    tools.run(
        [
            *_command(local, cluster, "render"), "--images", str(work / "images.json"), "--modules", str(work / "modules.json"),
            "--helm", str(programs["helm"]), "--kubectl", str(programs["kubectl"]), "--out", str(out),
        ],
        cwd=checkout.root,
    )  # fmt: skip
    record.write_text(f"{made_of} {digest.of_files(out, ('**/*',))}", encoding="ascii")


class _Source(Read):
    path: str


class _Destination(Read):
    namespace: str


class _ApplicationSpec(Read):
    source: _Source
    destination: _Destination


class RenderedApplication(Read):
    """An Argo CD Application as it is rendered for a region: the folder that it reads, and where its objects go by default."""

    metadata: Metadata
    spec: _ApplicationSpec


def applications(tree: Path, cluster: str) -> Iterator[RenderedApplication]:
    """Every Argo CD Application that is rendered for a region, the root too, from the worktree `tree` of the Git server."""
    for folder in (tree / RENDERED / delivery_folder(cluster), tree / BOOTSTRAP / cluster):
        for path in sorted(folder.glob("application-*.yaml")):
            yield RenderedApplication.model_validate(yaml.load(path.read_bytes(), yaml.CSafeLoader))


def folders_of_applications(tree: Path, cluster: str) -> dict[str, str]:
    """The folder of the repository that each Application of a region reads, by its name."""
    return {one.metadata.name: one.spec.source.path for one in applications(tree, cluster)}


def add_on_secrets(local: Local, cluster: str) -> list[Manifest]:
    """The Secrets that a region's add-ons, rendered before, want applied by hand."""
    printed = tools.run(_command(local, cluster, "secrets"), cwd=local.checkout.root).stdout
    return TypeAdapter(list[Manifest]).validate_json(printed)


def _command(local: Local, cluster: str, verb: str) -> list[str]:
    facts = local.machine(INTERNET).folder / "add-ons" / cluster / "facts.json"
    return [str(local.checkout.python), "-m", "clusters.addons", verb, "--root", ".", "--facts", str(facts)]
