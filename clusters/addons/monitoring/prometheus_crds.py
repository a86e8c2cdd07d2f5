"""The definitions of PodMonitor and its kin. Production also runs the operator that reads them; see `prometheus`."""

from __future__ import annotations

from clusters.addons import documents
from clusters.addons.add_on import AddOn, ReleasedFiles, SourceModule, YamlFiles
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.releases import RELEASES
from tidegate.facts import names

VERSION = RELEASES.release("prometheus-operator")
MODULE = SourceModule.pinned("github.com/prometheus-operator/prometheus-operator")

KEPT = ("podmonitors", "prometheusrules", "servicemonitors")
"""What our objects are written in. The operator's own kinds would promise servers that nobody starts here."""


def _adapt(upstream: list[Document], _region: AddOnRegion) -> list[Document]:
    return [document for document in upstream if documents.name(document).startswith(KEPT)]


ADD_ON = AddOn(
    name="prometheus-crds",
    version=VERSION,
    wave=-90,
    namespace=names.NAMESPACE_MONITORING,
    production=ReleasedFiles(
        (f"https://github.com/prometheus-operator/prometheus-operator/releases/download/v{VERSION}/bundle.yaml",), VERSION
    ),
    embedded=(YamlFiles(MODULE, ("example/prometheus-operator-crd/*.yaml",)),),
    images=(),
    adapt=_adapt,
    owned_namespaces=(names.NAMESPACE_MONITORING,),
)
