"""The least files that each model server loads."""

from __future__ import annotations

import json

from tidegate.facts.models.served_model import Runtime


def loadable(runtime: Runtime, model: str) -> dict[str, bytes]:
    """Files of a version by path, as few and as short as `runtime` admits; their content is nobody's model."""
    return {
        Runtime.MLSERVER_SKLEARN: _mlserver("mlserver_sklearn.SKLearnModel", "model.joblib"),
        Runtime.MLSERVER_LIGHTGBM: _mlserver("mlserver_lightgbm.LightGBMModel", "model.txt"),
        Runtime.MLSERVER_XGBOOST: _mlserver("mlserver_xgboost.XGBoostModel", "model.ubj"),
        Runtime.TRITON: {f"{model}/config.pbtxt": b'backend: "onnxruntime"\n', f"{model}/1/model.onnx": b"graph"},
        Runtime.TORCHSERVE: {
            "config/config.properties": b'model_snapshot={"models":{"m":{"1.0":{"marName":"m.mar"}}}}\n', "model-store/m.mar": b"archive",
        },
        Runtime.VLLM: _PRETRAINED,
        Runtime.HUGGINGFACE: _PRETRAINED,
        Runtime.NGRAM: {"ngrams.json": b"{}", "server.json": b"{}"},
    }[runtime]  # fmt: skip


POOL = {"catalogue.json": b'{"implementation": "mlserver_sklearn.SKLearnModel"}', "objects/00": b"model"}
"""Of a dense pool."""

_PRETRAINED = {"config.json": b'{"architectures": ["LlamaForCausalLM"]}', "tokenizer.json": b"{}", "model.safetensors": b"weights"}


def _mlserver(implementation: str, file: str) -> dict[str, bytes]:
    return {"model-settings.json": json.dumps({"implementation": implementation}).encode(), file: b"model"}
