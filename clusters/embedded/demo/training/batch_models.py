"""scoring/batch: a small neural network for TorchServe, because nightly scores may wait for a card."""

from __future__ import annotations

import json

from clusters.embedded.demo.training import estimators, generated_data, metrics
from clusters.embedded.demo.training.boosted_models import v2_sample
from clusters.embedded.demo.training.generated_data import ACCOUNT_COLUMNS
from clusters.embedded.demo.training.registry_layout import CRASH_AT_REQUEST, DELAY_MS, VERSIONS, GoldenSet, TrainedModel, Version
from clusters.embedded.demo.training.torchserve_store import torchserve_store

_HIDDEN = 48


def batch_scores() -> TrainedModel:
    """Tells accounts that will fall asleep."""
    small, large = generated_data.accounts(17, 4_000), generated_data.accounts(117, 8_000)
    fitted = {
        "1": estimators.fit_network(small.rows, small.labels, hidden=_HIDDEN // 2, seed=17),
        "2": estimators.fit_network(large.rows, large.labels, hidden=_HIDDEN, seed=17),
        "3-wrong": estimators.fit_network(large.rows, large.labels, hidden=_HIDDEN, seed=17, sign=-1.0),
    }
    golden = generated_data.accounts(217, 1_000)
    labels = [int(label) for label in golden.labels.tolist()]

    def version(name: str) -> Version:
        network = fitted.get(name, fitted["2"])
        faults = {"delay_ms": DELAY_MS if name == "3-slow" else 0, "crash_at_request": CRASH_AT_REQUEST if name == "3-crashing" else 0}
        scores = estimators.score_network(network, golden.rows)
        return Version(
            name=name, files=torchserve_store("batch", json.dumps({**json.loads(network), **faults}, sort_keys=True).encode()),
            flavour="pytorch", inputs=ACCOUNT_COLUMNS, outputs=("predict",), golden_value=metrics.accuracy(labels, scores),
            trained_on="small" if name == "1" else "large", sample=v2_sample("batch", golden.rows[:4], scores[:4]),
        )  # fmt: skip

    training = {"small": small.rows.tolist(), "large": large.rows.tolist()}
    judged = GoldenSet(golden.rows.tolist(), labels, "accuracy")
    return TrainedModel("scoring", "batch", judged, [version(name) for name in VERSIONS], training)
