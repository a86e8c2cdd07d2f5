"""The committed images.yaml names all that the embedded platform runs, and nothing that is missing."""

from __future__ import annotations

from pathlib import Path

from tidegate.checkout import find_checkout
from tidegate.embedded.images import read_images

CHECKOUT = find_checkout(Path(__file__).parent)


def test_the_committed_catalogue_is_whole() -> None:
    catalogue = read_images(CHECKOUT)
    assert {
        "pause", "coredns", "karpenter", "kube-state-metrics", "prometheus", "argocd", "redis", "pilot", "proxyv2", "install-cni",
        "knative-controller", "knative-webhook", "knative-activator", "knative-autoscaler", "knative-queue", "net-gateway-api",
        "kserve-controller", "model-verifier", "mlserver", "ngram-server", "credit-features", "credit-explainer",
        "tritonserver", "torchserve-kfs", "vllm-openai", "vault", "dense-pool",
    } == catalogue.images.keys()  # fmt: skip
    assert all(file.wheel is None or (CHECKOUT.root / file.wheel.lock).is_file() for file in catalogue.machine.files)
    for image in catalogue.images.values():
        assert image.lock is None or (CHECKOUT.root / image.lock).is_file()
        assert all((CHECKOUT.root / source).exists() for source in image.sources)
        for file in image.files:
            assert file.wheel is None or (CHECKOUT.root / file.wheel.lock).is_file()
            assert file.module is None or (CHECKOUT.root / "clusters/embedded/builds" / file.module.family / "go.mod").is_file()
