"""Renders what the embedded regions run and commits it to the local Git server, from where Argo CD takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from tidegate import tools
from tidegate.contracts.rendering import AddOnsRequest, RegionFacts
from tidegate.embedded import digest
from tidegate.embedded.delivery import git_server
from tidegate.embedded.delivery.listed_images import listed_images
from tidegate.embedded.digest import key_of
from tidegate.embedded.fleet import internet
from tidegate.embedded.fleet.bring_up import Local, Prepared
from tidegate.embedded.fleet.region import DNS, PROMETHEUS, service_address
from tidegate.embedded.images import Image
from tidegate.embedded.machines.network import INTERNET
from tidegate.facts.embedded import EmbeddedFacts
from tidegate.facts.inventory.profiles import load_profiles
from tidegate.facts.signature import ModelCatalogue
from tidegate.live.kubernetes import Metadata, Read
from tidegate.manifests.layout import RENDERED, delivery_folder
from tidegate.manifests.yaml_text import Manifest

ADD_ONS = "gitops/add-ons"
BOOTSTRAP = "gitops/bootstrap"

SOURCES = (
    "clusters/**/*.py",
    "clusters/releases.yaml",
    "clusters/inventory/**/*.yaml",
    "tidegate/errors.py",
    "tidegate/contracts/*.py",
    "tidegate/facts/**/*.py",
    "tidegate/manifests/**/*.py",
)
"""What decides how add-ons are rendered, beside what is asked for."""


def embedded_facts(local: Local, images: Mapping[str, Image], catalogue: ModelCatalogue) -> EmbeddedFacts:
    """What the embedded region changes in production's facts."""
    return EmbeddedFacts(
        repository_url=git_server.URL,
        edge_addresses={name: region.node for name, region in local.addresses.regions.items() if name in local.platform.clusters},
        image_digests={f"{image.repository}:{image.tag}": image.digest for image in images.values()},
        images=listed_images(images, _facts_file(local)),
        model_digests={entry.uri: entry.sha256 for entry in catalogue.models},
        catalogue=ModelCatalogue(keys={**catalogue.keys, **local.candidates.keys}, models=catalogue.models),
        profiles=load_profiles(local.checkout.root, local.platform),
        candidates=local.candidates.tenants,
        candidate_tombstones=local.candidates.tombstones,
    )


def render(local: Local, facts: EmbeddedFacts, add_ons: Collection[AddOnsRequest]) -> None:
    """Renders tenants, components and the add-ons of `add_ons` for this machine into the worktree of the Git server.

    Add-ons whose files were rendered from the same before are left alone.
    """
    checkout, machine = local.checkout, local.machine(INTERNET)
    tree = git_server.open_worktree(machine)
    path = _facts_file(local)
    path.write_text(facts.model_dump_json(), encoding="utf-8")
    arguments = ["render", "--root", ".", "--out", str(tree / RENDERED), "--embedded", str(path)]
    sources = digest.of_files(checkout.root, SOURCES)
    made_of = {
        request.facts.cluster: key_of(
            sources, request.model_dump(mode="json"), Path(request.facts.kserve_webhook_certificate_path).read_text(encoding="ascii")
        )
        for request in add_ons
    }
    stale = [request for request in add_ons if _record(request, made_of[request.facts.cluster]) != _recorded(local, request)]
    for request in stale:
        folder = _folder(local, request.facts.cluster)
        (folder / "rendered").unlink(missing_ok=True)
        (folder / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
        arguments += ["--add-ons", str(folder / "request.json")]
    tools.run_program(checkout.python, "clusters.program", *arguments, cwd=checkout.root)
    for request in stale:
        text = _record(request, made_of[request.facts.cluster])
        (_folder(local, request.facts.cluster) / "rendered").write_text(text, encoding="ascii")


def _facts_file(local: Local) -> Path:
    """What the regions were rendered from last."""
    return local.machine(INTERNET).folder / "embedded.json"


def add_ons_request(
    local: Local, cluster: str, prepared: Prepared, modules: Mapping[str, Path], webhook_certificate: tuple[Path, Path]
) -> AddOnsRequest:
    """What one region's add-ons are rendered from; `modules` as `sources.add_on_folders` gives them."""
    addresses, platform, machine = local.addresses, local.platform, local.machine(INTERNET)
    node, facts = addresses.regions[cluster].node, platform.clusters[cluster]
    hosts = {
        **internet.hosts(addresses),
        **{host: node for tenant in platform.tenants_of(cluster) for host in tenant.hosts_in(facts.domain, facts.edge.zone_name)},
    }
    return AddOnsRequest(
        facts=RegionFacts(
            cluster=cluster,
            ca_certificate=internet.own_authority(machine).certificate_pem.decode(),
            kserve_webhook_certificate_path=str(webhook_certificate[0]),
            kserve_webhook_key_path=str(webhook_certificate[1]),
            dns_address=IPv4Address(service_address(addresses.regions[cluster], DNS)),
            prometheus_address=IPv4Address(service_address(addresses.regions[cluster], PROMETHEUS)),
            hosts={name: IPv4Address(address) for name, address in hosts.items()},
        ),
        images={name: image.reference for name, image in prepared.images.items()},
        modules=dict(modules),
        helm=prepared.programs["helm"],
        kubectl=prepared.programs["kubectl"],
        out=git_server.worktree(machine) / ADD_ONS / cluster,
        secrets=_secrets(local, cluster),
    )


def _folder(local: Local, cluster: str) -> Path:
    folder = local.machine(INTERNET).folder / "add-ons" / cluster
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _secrets(local: Local, cluster: str) -> Path:
    return _folder(local, cluster) / "secrets.json"


def _record(request: AddOnsRequest, made_of: str) -> str:
    """What add-ons were rendered from, and what is there."""
    return f"{made_of} {digest.of_files(request.out, ('**/*',))}"


def _recorded(local: Local, request: AddOnsRequest) -> str:
    """What was noted when the add-ons were rendered last; nothing when that did not end well."""
    path = _folder(local, request.facts.cluster) / "rendered"
    return path.read_text(encoding="ascii") if path.is_file() and _secrets(local, request.facts.cluster).is_file() else ""


class _ApplicationSource(Read):
    path: str


class _Destination(Read):
    namespace: str


class _ApplicationSpec(Read):
    source: _ApplicationSource
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
    return TypeAdapter(list[Manifest]).validate_json(_secrets(local, cluster).read_bytes())
