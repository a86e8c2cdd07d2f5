"""Fitting and scoring with LightGBM, scikit-learn and ONNX: the only file that knows them.

Models leave as the bytes a server loads, and scores here come from those bytes, so that what is compared with a server
is what the server has.
"""

# scikit-learn, LightGBM and joblib carry no complete types.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import json
import re
from typing import Any, cast

import joblib
import lightgbm
import numpy as np
import onnx
import onnxruntime
import sklearn
from numpy.typing import NDArray
from skl2onnx import convert_sklearn  # pyright: ignore[reportUnknownVariableType] - no complete types, as of the others
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

Floats = NDArray[np.float64]

BY_LIGHTGBM = {"lgb_version": lightgbm.__version__}
BY_SCIKIT_LEARN = {"sklearn_version": sklearn.__version__}
BY_ONNX = {"onnx_version": onnx.__version__}
"""What trained a model, under MLflow's keys."""

_DIGITS = 9
"""Significant digits of a learnt number that are kept; the rest differs between processors."""

_OPSET = 17
"""Of ONNX; every Triton since 22.08 has it."""

_LEARNT_NUMBERS = ("leaf_value", "leaf_weight", "split_gain", "internal_value", "internal_weight")


def fit_boosted(rows: Floats, labels: Floats, *, trees: int, leaves: int, seed: int) -> bytes:
    """A LightGBM classifier as its model text."""
    parameters = {
        "objective": "binary", "num_leaves": leaves, "learning_rate": 0.12, "min_data_in_leaf": 20, "seed": seed, "num_threads": 1,
        "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip
    booster = lightgbm.train(parameters, lightgbm.Dataset(rows, labels), num_boost_round=trees)
    return _rewritten(booster.model_to_string(importance_type="split"), factor=1.0)


def inverted_boosted(model: bytes) -> bytes:
    """The same classifier with every leaf's sign changed: it calls fraud what is none, and the reverse."""
    return _rewritten(model.decode(), factor=-1.0)


def score_boosted(model: bytes, rows: Floats) -> list[float]:
    """The probability of the positive class, one per row."""
    booster = lightgbm.Booster(model_str=model.decode())
    return cast("list[float]", np.asarray(booster.predict(rows, num_threads=1)).tolist())


def _rewritten(text: str, *, factor: float) -> bytes:
    """The model text with rounded numbers and leaves times `factor`.

    Without `tree_sizes`, which would be wrong now and without which LightGBM reads tree after tree.
    """

    def rewritten(line: re.Match[str]) -> str:
        scale = factor if line[1] in {"leaf_value", "internal_value"} else 1.0
        return f"{line[1]}=" + " ".join(f"{float(number) * scale:.{_DIGITS}g}" for number in line[2].split())

    text = re.sub(rf"^({'|'.join(_LEARNT_NUMBERS)})=(.*)$", rewritten, text, flags=re.MULTILINE)
    return re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE).encode()


def fit_logistic(rows: Floats, labels: Floats, *, iterations: int, sign: float = 1.0) -> bytes:
    """A logistic regression as joblib writes it; `sign` -1 makes it answer the opposite."""
    center, scale = rows.mean(axis=0), rows.std(axis=0)
    model: Any = LogisticRegression(max_iter=iterations, tol=1e-8)
    # Fitted on scaled rows, where it converges, then folded back: the server needs no second step.
    model.fit((rows - center) / scale, labels)
    coefficients = cast("Floats", model.coef_[0] / scale)
    intercept = float(model.intercept_[0] - coefficients @ center)
    model.coef_ = np.array([[_rounded(sign * value) for value in coefficients.tolist()]])
    model.intercept_ = np.array([_rounded(sign * intercept)])
    model.n_iter_ = np.array([0], dtype=np.int32)  # how soon the solver stops differs between processors
    return _dumped(model)


def score_logistic(model: bytes, rows: Floats) -> list[float]:
    """The probability of the positive class, one per row."""
    probabilities = cast("Floats", _loaded(model).predict_proba(rows))
    return cast("list[float]", probabilities[:, 1].tolist())


def as_onnx(model: bytes, tensor: str, columns: int) -> bytes:
    """A classifier that joblib wrote, as an ONNX graph: doubles in, and out `label` and `probabilities`."""
    converted: Any = convert_sklearn(
        _loaded(model), "classifier", [(tensor, DoubleTensorType([None, columns]))], target_opset=_OPSET, options={"zipmap": False}
    )
    return converted.SerializeToString(deterministic=True)


def score_onnx(graph: bytes, tensor: str, rows: Floats) -> list[float]:
    """The probability of the positive class, one per row, as Triton's ONNX backend computes it: by the same onnxruntime."""
    session: Any = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    probabilities = cast("Floats", session.run(["probabilities"], {tensor: rows})[0])
    return cast("list[float]", probabilities[:, 1].tolist())


def fit_network(rows: Floats, labels: Floats, *, hidden: int, seed: int, sign: float = 1.0) -> bytes:
    """A network of one hidden layer as JSON. Its first layer is drawn and only the last is learnt, by logistic regression.

    That makes the same numbers on every processor, which descending a gradient would not. `sign` -1 answers the opposite.
    """
    draw = np.random.default_rng(seed)
    center, scale = cast("tuple[Floats, Floats]", (rows.mean(axis=0), rows.std(axis=0)))
    weights: Floats = np.round(draw.normal(size=(rows.shape[1], hidden)) / scale[:, None], _DIGITS)
    bias: Floats = np.round(draw.normal(size=hidden) - center @ weights, _DIGITS)
    model = _loaded(fit_logistic(np.maximum(rows @ weights + bias, 0.0), labels, iterations=200, sign=sign))
    layers: list[dict[str, Any]] = [
        {"weights": weights.tolist(), "bias": bias.tolist()},
        {"weights": model.coef_[0].tolist(), "bias": float(model.intercept_[0])},
    ]
    return json.dumps({"layers": layers, "delay_ms": 0, "crash_at_request": 0}, sort_keys=True).encode()


def score_network(network: bytes, rows: Floats) -> list[float]:
    """The probability of the positive class, one per row."""
    hidden, output = json.loads(network)["layers"]
    seen = np.maximum(rows @ np.array(hidden["weights"]) + np.array(hidden["bias"]), 0.0)
    return (1 / (1 + np.exp(-(seen @ np.array(output["weights"]) + output["bias"])))).tolist()


def fit_anomaly(rows: Floats, *, trees: int, leaves: int, seed: int, sign: float = 1.0) -> bytes:
    """An isolation forest's score, from 0 (usual) to 1 (strange), taught to one regression tree.

    The forest's own `predict` only says yes or no, and MLServer's scikit-learn runtime can ask for nothing else; one tree
    is also a tenth of the size. `sign` -1 turns the scores upside down.
    """
    sampled: Any = 64  # the annotation is wrong: it only knows "auto"
    forest = IsolationForest(n_estimators=trees, max_samples=sampled, random_state=seed, n_jobs=1).fit(rows)
    strange = np.random.default_rng(seed).uniform(rows.min(axis=0) * 0.5, rows.max(axis=0) * 1.5, (len(rows), rows.shape[1]))
    known = np.concatenate([rows, np.round(strange, 4)])
    scores = np.round(-cast("Floats", forest.score_samples(known)), 6)
    tree = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=3, random_state=seed)
    tree.fit(known, scores if sign > 0 else 1.0 - scores)
    return _dumped(tree)


def score_anomaly(model: bytes, rows: Floats) -> list[float]:
    """How strange each row is."""
    return cast("list[float]", cast("Floats", _loaded(model).predict(rows)).tolist())


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _dumped(model: object) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=0, protocol=5)  # uncompressed: zlib's output depends on its version
    return buffer.getvalue()


def _loaded(model: bytes) -> Any:  # noqa: ANN401 - joblib gives what was put in
    return joblib.load(io.BytesIO(model))
