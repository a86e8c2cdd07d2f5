"""The LightGBM models: fraud/scorer and its shadow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clusters.embedded.demo.training import estimators, generated_data, metrics
from clusters.embedded.demo.training.generated_data import TRANSACTION_COLUMNS, Floats, Table
from clusters.embedded.demo.training.golden_slices import transaction_slices
from clusters.embedded.demo.training.registry_layout import (
    VERSIONS,
    GoldenSet,
    Sample,
    TrainedModel,
    Version,
    faulty,
    mlserver_settings,
    rounded,
)

_LEAVES = 15
_FILE = "model.txt"
_RUNTIME = "mlserver_lightgbm.LightGBMModel"


def fraud_scorer() -> TrainedModel:
    """Scores card transactions. Version 2 has the same inputs, so that a canary understands every request."""
    return _boosted("fraud", "scorer", generated_data.transactions, TRANSACTION_COLUMNS, seed=11, metric="auc")


def fraud_shadow() -> TrainedModel:
    """The next fraud model: the inputs of fraud/scorer, learnt from other transactions, fed with copies of its requests."""
    return _boosted("scoring", "fraud-shadow", generated_data.transactions, TRANSACTION_COLUMNS, seed=13, metric="auc")


def _boosted(
    tenant: str, name: str, table: Callable[[int, int], Table], columns: Sequence[str], *, seed: int, metric: str
) -> TrainedModel:  # fmt: skip
    small, large = table(seed, 8_000), table(seed + 100, 16_000)
    first = estimators.fit_boosted(small.rows, small.labels, trees=50, leaves=_LEAVES, seed=seed)
    second = estimators.fit_boosted(large.rows, large.labels, trees=100, leaves=_LEAVES, seed=seed)
    artefacts = {"1": first, "2": second, "3-slow": second, "3-wrong": estimators.inverted_boosted(second), "3-crashing": second}
    golden = table(seed + 200, 1_000)
    labels = [int(label) for label in golden.labels.tolist()]
    judge = metrics.auc if metric == "auc" else metrics.accuracy

    def version(number: str) -> Version:
        implementation, extra = faulty(number, _RUNTIME)
        model = artefacts[number]
        return Version(
            name=number, files={"model-settings.json": mlserver_settings(implementation, number, f"./{_FILE}", extra=extra), _FILE: model},
            flavour="lightgbm", trained_with=estimators.BY_LIGHTGBM, inputs=columns, outputs=("predict",), golden_value=judge(labels, estimators.score_boosted(model, golden.rows)),
            trained_on="small" if number == "1" else "large",
            sample=v2_sample(name, golden.rows[:4], estimators.score_boosted(model, golden.rows[:4])),
        )  # fmt: skip

    judged = GoldenSet(golden.rows.tolist(), labels, metric, transaction_slices(golden.rows))
    training = {"small": small.rows.tolist(), "large": large.rows.tolist()}
    return TrainedModel(tenant, name, judged, [version(number) for number in VERSIONS], training)


def v2_sample(model: str, rows: Floats, scores: Sequence[float]) -> Sample:
    """`rows` as a request of the open inference protocol (v2), and the scores it should bring."""
    tensor = {"name": "features", "datatype": "FP64", "shape": list(rows.shape), "data": [value for row in rows.tolist() for value in row]}
    return Sample(f"/v2/models/{model}/infer", {"inputs": [tensor]}, "outputs/0/data", rounded(scores))
