"""What each model server speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.facts.models.served_model import Runtime

PROTOCOLS: Mapping[Runtime, Sequence[str]] = {
    Runtime.MLSERVER_SKLEARN: ["v2"],
    Runtime.MLSERVER_LIGHTGBM: ["v2"],
    Runtime.MLSERVER_XGBOOST: ["v2"],
    Runtime.TRITON: ["v2", "grpc-v2"],
    Runtime.TORCHSERVE: ["v1", "v2", "grpc-v2"],
    Runtime.HUGGINGFACE: ["v2", "v1"],
}
"""KServe's names, the preferred protocol first; vLLM and the n-gram server speak OpenAI's, which KServe has no name for."""
