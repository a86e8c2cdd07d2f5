"""The Gateway API's definitions, standard channel: what gateways and routes are written in."""

from __future__ import annotations

from clusters.addons.add_on import AddOn, GoModule, ReleasedFiles, YamlFiles
from clusters.addons.documents import Document
from clusters.addons.region import Region

VERSION = "1.5.1"
"""The line Istio 1.31 and KServe 0.20 were tried with. Istio's own module asks for 1.6, whose types we do not use."""

MODULE = GoModule("sigs.k8s.io/gateway-api", f"v{VERSION}", family="kserve")


def _adapt(upstream: list[Document], _region: Region) -> list[Document]:
    return upstream


ADD_ON = AddOn(
    name="gateway-api",
    version=VERSION,
    wave=-90,
    namespace="kube-system",
    production=ReleasedFiles(
        (f"https://github.com/kubernetes-sigs/gateway-api/releases/download/v{VERSION}/standard-install.yaml",), VERSION
    ),
    embedded=(YamlFiles(MODULE, ("config/crd/standard/gateway.networking.k8s.io_*.yaml",)),),
    images=(),
    adapt=_adapt,
)
