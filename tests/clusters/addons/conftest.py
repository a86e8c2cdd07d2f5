"""Every add-on rendered once, from the real modules, with images and facts that only look like a region's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from clusters.addons.add_on import AddOn, RenderPrograms, SourceModule
from clusters.addons.listing import ADD_ONS, modules
from clusters.addons.region import AddOnRegion
from clusters.addons.render import render
from tests.clusters.addons.addon_objects import BUILDS, CA_CERTIFICATE, IMAGES
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.contracts.rendering import RegionFacts
from tidegate.embedded.builds.go_programs import build
from tidegate.facts.platform import Platform
from tidegate.manifests.yaml_text import Manifest

Rendered = Mapping[str, Sequence[Manifest]]


@dataclass(frozen=True)
class Inputs:
    """What rendering needs beside a region."""

    modules: Mapping[str, Path]
    programs: RenderPrograms

    def render(self, add_on: AddOn, region: AddOnRegion) -> Sequence[Manifest]:
        return render(add_on, self.modules, region, self.programs)


@pytest.fixture(scope="session")
def region(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AddOnRegion:
    folder = tmp_path_factory.mktemp("webhook")
    (folder / "tls.crt").write_text("certificate", encoding="utf-8")
    (folder / "tls.key").write_text("key", encoding="utf-8")
    facts = RegionFacts(
        cluster="live-1",
        ca_certificate=CA_CERTIFICATE,
        kserve_webhook_certificate_path=str(folder / "tls.crt"),
        kserve_webhook_key_path=str(folder / "tls.key"),
        dns_address=IPv4Address("10.96.0.10"),
        hosts={"registry.example.com": IPv4Address("10.250.0.2"), "s3.emulated.example.com": IPv4Address("10.250.0.3")},
    )
    return AddOnRegion(platform.clusters["live-1"], facts, IMAGES)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Modules from Go's cache (downloaded when they are not there), helm and kubectl built once by the pinned builds."""
    work = tmp_path_factory.mktemp("go")
    built = build(Checkout(BUILDS.parents[2]), lambda _subject, _what: None, only=("helm", "kubectl"))
    programs = RenderPrograms(built["helm"], built["kubectl"])
    return Inputs({module.key: _downloaded(module, work) for module in modules()}, programs)


@pytest.fixture(scope="session")
def addons(inputs: Inputs, region: AddOnRegion) -> Rendered:
    return {add_on.name: inputs.render(add_on, region) for add_on in ADD_ONS}


def _downloaded(module: SourceModule, work: Path) -> Path:
    # go.sum of the build that uses the module pins it; the database of checksums may be out of reach.
    environment = {"GOSUMDB": "off", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    printed = tools.run(["go", "mod", "download", "-json", f"{module.path}@{module.version}"], cwd=work, env=environment).stdout
    return Path(json.loads(printed)["Dir"])
