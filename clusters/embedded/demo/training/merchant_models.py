"""merchants/anomaly: one small model per merchant, all in the catalogue of a dense pool."""

from __future__ import annotations

import hashlib

from clusters.embedded.demo.training import estimators, generated_data, metrics
from clusters.embedded.demo.training.boosted_models import v2_sample
from clusters.embedded.demo.training.generated_data import TAKINGS_COLUMNS
from clusters.embedded.demo.training.registry_layout import VERSIONS, GoldenSet, TrainedModel, Version, as_json, faulty

MERCHANTS = 420
"""As many as the tenant's dense pool declares."""

_JUDGED = 20
"""Merchants in the golden set: every twenty-first."""

_RUNTIME = "mlserver_sklearn.SKLearnModel"
_FITS = {"1": (12, 24, 1.0), "2": (24, 48, 1.0), "3-wrong": (12, 24, -1.0)}
"""Forest size, leaves of the tree that learns from it, and sign."""

_SAME_AS = {"3-slow": "2", "3-crashing": "2"}


def merchant_name(number: int) -> str:
    """What MLServer calls the model of a merchant."""
    return f"merchant-{number:03d}"


def merchant_anomaly() -> TrainedModel:
    """Tells strange hours of a merchant from its usual ones."""
    usual = [generated_data.takings(5_000 + number, 160) for number in range(MERCHANTS)]
    fitted = {
        version: [
            estimators.fit_anomaly(rows, trees=trees, leaves=leaves, seed=number, sign=sign) for number, rows in enumerate(usual)
        ]
        for version, (trees, leaves, sign) in _FITS.items()
    }  # fmt: skip
    judged = range(0, MERCHANTS, MERCHANTS // _JUDGED)
    golden = {number: generated_data.takings_with_strange_hours(5_000 + number, 40) for number in judged}
    inputs = [{"model": merchant_name(number), "row": row} for number, table in golden.items() for row in table.rows.tolist()]
    labels = [int(label) for table in golden.values() for label in table.labels.tolist()]

    def version(name: str) -> Version:
        models = fitted[_SAME_AS.get(name, name)]
        implementation, extra = faulty(name, _RUNTIME)
        digests = [hashlib.sha256(model).hexdigest() for model in models]
        entries = {
            merchant_name(number): {"sha256": digest, "bytes": len(model)}
            for number, (digest, model) in enumerate(zip(digests, models, strict=True))
        }
        catalogue = {"format": 1, "version": name, "implementation": implementation, "extra": extra or {}, "models": entries}
        objects = {f"objects/{digest}": model for digest, model in zip(digests, models, strict=True)}
        files = {"catalogue.json": as_json(catalogue), **objects}
        scores = [score for number, table in golden.items() for score in estimators.score_anomaly(models[number], table.rows)]
        sampled = golden[0].rows[:4]
        return Version(
            name=name, files=files, flavour="sklearn", trained_with=estimators.BY_SCIKIT_LEARN, inputs=TAKINGS_COLUMNS, outputs=("predict",), packed=True,
            golden_value=metrics.auc(labels, scores), trained_on="usual-hours", notes={"models": MERCHANTS},
            sample=v2_sample(merchant_name(0), sampled, estimators.score_anomaly(models[0], sampled)),
        )  # fmt: skip

    learnt = [{"model": merchant_name(number), "row": row} for number, rows in enumerate(usual) for row in rows.tolist()]
    judged_by = GoldenSet(inputs, labels, "auc")
    return TrainedModel("merchants", "anomaly", judged_by, [version(name) for name in VERSIONS], {"usual-hours": learnt})
