"""kube-state-metrics: what the API server knows about objects, as metrics."""

from __future__ import annotations

from clusters.addons import documents
from clusters.addons.add_on import AddOn, Kustomization, ReleasedFiles, SourceModule
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.releases import RELEASES
from tidegate.facts import names

VERSION = RELEASES.release("kube-state-metrics")
MODULE = SourceModule.pinned("k8s.io/kube-state-metrics/v2", family="kube-state-metrics")


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    """Beside Prometheus instead of in kube-system, where upstream's example puts it."""
    for document in upstream:
        documents.move(document, names.NAMESPACE_MONITORING)
    documents.pin_images(upstream, {"registry.k8s.io/kube-state-metrics/kube-state-metrics": region.image("kube-state-metrics")})
    documents.shrink(upstream)
    return upstream


ADD_ON = AddOn(
    name="kube-state-metrics",
    version=VERSION,
    wave=-80,
    namespace=names.NAMESPACE_MONITORING,
    production=ReleasedFiles((f"https://github.com/kubernetes/kube-state-metrics//examples/standard?ref=v{VERSION}",), VERSION),
    embedded=(Kustomization(MODULE, "examples/standard"),),
    images=("kube-state-metrics",),
    adapt=_adapt,
)
