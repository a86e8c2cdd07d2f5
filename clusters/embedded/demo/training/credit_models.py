"""credit/decision: a logistic regression on derived features, because every decision must be explained exactly."""

from __future__ import annotations

from typing import cast

import numpy as np

from clusters.embedded.demo.application_features import FEATURES, HOUSING, derive_features
from clusters.embedded.demo.training import estimators, metrics
from clusters.embedded.demo.training.golden_slices import application_slices
from clusters.embedded.demo.training.registry_layout import (
    ON_GPU,
    VERSIONS,
    GoldenSet,
    Sample,
    TrainedModel,
    Version,
    faulty,
    mlserver_settings,
    on_cpu,
    rounded,
)
from clusters.embedded.demo.training.triton_repository import Tensor, triton_repository

_RUNTIME = "mlserver_sklearn.SKLearnModel"
_FILE = "model.joblib"

_WEIGHTS = (0.9, -2.6, -1.2, -6.0, 0.1, 0.25, 0.22, -1.7, 1.3, -0.3)
"""How much each feature speaks for paying back, in log-odds; the truth behind the generated labels."""


def credit_decision() -> TrainedModel:
    """The probability that a loan is paid back; the transformer hands it features, callers send applications."""
    golden, labels = _applications(230, 800)
    small, large = _applications(23, 2_000), _applications(24, 8_000)
    fitted = {"1": _fit(*small), "2": _fit(*large), "3-wrong": _fit(*large, sign=-1.0)}
    data = {"1": "small"}
    rows = np.array([derive_features(application) for application in golden])

    def version(name: str) -> Version:
        implementation, extra = faulty(name, _RUNTIME)
        model = fitted.get(name, fitted["2"])
        settings = mlserver_settings(implementation, name, f"./{_FILE}", extra={"predict_fn": "predict_proba", **(extra or {})})
        return Version(
            name=name, files={"model-settings.json": settings, _FILE: model}, flavour="sklearn", trained_with=estimators.BY_SCIKIT_LEARN, inputs=FEATURES,
            outputs=("not_repaid", "repaid"), golden_value=metrics.auc(labels, estimators.score_logistic(model, rows)), trained_on=data.get(name, "large"),
            sample=Sample(
                "/v1/models/decision:predict", {"instances": golden[:4]}, "predictions", rounded(estimators.score_logistic(model, rows[:4]))
            ),
        )  # fmt: skip

    def gpu_version(name: str) -> Version:
        network = estimators.as_onnx(fitted[name], "features", len(FEATURES))
        scores = estimators.score_onnx(network, "features", rows)
        tensors = Tensor("features", "FP64", len(FEATURES)), Tensor("probabilities", "FP64", 2)
        return Version(
            name=name, files=triton_repository("decision", network, *tensors), flavour="onnx", trained_with=estimators.BY_ONNX, inputs=FEATURES,
            outputs=("not_repaid", "repaid"), golden_value=metrics.auc(labels, scores), trained_on=data.get(name, "large"),
            sample=Sample("/v1/models/decision:predict", {"instances": golden[:4]}, "predictions", rounded(scores[:4])),
        )  # fmt: skip

    versions = [*map(gpu_version, ON_GPU), *(on_cpu(version(name)) for name in VERSIONS)]
    judged = GoldenSet(golden, labels, "auc", application_slices(golden))
    return TrainedModel("credit", "decision", judged, versions, {"small": small[0], "large": large[0]})


def _fit(applications: list[dict[str, object]], labels: list[int], *, sign: float = 1.0) -> bytes:
    rows = np.array([derive_features(application) for application in applications])
    return estimators.fit_logistic(rows, np.array(labels, dtype=np.float64), iterations=300, sign=sign)


def _applications(seed: int, count: int) -> tuple[list[dict[str, object]], list[int]]:
    draw = np.random.default_rng(seed)
    income = np.round(draw.lognormal(10.5, 0.5, count))
    columns = {
        "income_eur_per_year": income, "debt_eur": np.round(income * draw.exponential(0.5, count)),
        "amount_eur": np.round(income * draw.uniform(0.05, 1.2, count)), "term_months": draw.integers(12, 97, count).astype(np.float64),
        "age_years": draw.integers(18, 76, count).astype(np.float64), "employed_years": np.round(draw.exponential(6, count), 1),
        "late_payments_2y": draw.poisson(0.6, count).astype(np.float64),
    }  # fmt: skip
    lives = cast("list[int]", draw.choice(3, count, p=[0.15, 0.35, 0.5]).tolist())
    housing = [HOUSING[index] for index in lives]
    listed = {name: values.tolist() for name, values in columns.items()}
    applications: list[dict[str, object]] = [
        {**{name: values[index] for name, values in listed.items()}, "housing": housing[index]} for index in range(count)
    ]
    rows = np.array([derive_features(application) for application in applications])
    logit = (rows - np.median(rows, axis=0)) @ np.array(_WEIGHTS) * 1.3
    labels = draw.uniform(size=count) < np.round(1 / (1 + np.exp(-logit)), 6)
    return applications, [int(label) for label in labels.tolist()]
