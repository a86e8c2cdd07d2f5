"""The Gateway API's definitions, standard channel: what gateways and routes are written in."""

from __future__ import annotations

from clusters.addons.add_on import AddOn, ReleasedFiles, SourceModule, YamlFiles
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.releases import RELEASES
from tidegate.facts import names

VERSION = RELEASES.release("gateway-api")

MODULE = SourceModule.pinned("sigs.k8s.io/gateway-api", family="kserve")


def _adapt(upstream: list[Document], _region: AddOnRegion) -> list[Document]:
    return upstream


ADD_ON = AddOn(
    name="gateway-api",
    version=VERSION,
    wave=-90,
    namespace=names.NAMESPACE_KUBERNETES,
    production=ReleasedFiles(
        (f"https://github.com/kubernetes-sigs/gateway-api/releases/download/v{VERSION}/standard-install.yaml",), VERSION
    ),
    embedded=(YamlFiles(MODULE, ("config/crd/standard/gateway.networking.k8s.io_*.yaml",)),),
    images=(),
    adapt=_adapt,
)
