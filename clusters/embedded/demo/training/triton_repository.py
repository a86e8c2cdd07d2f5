"""A model repository as Triton reads it: one folder per model, with its settings and one folder per version."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_BATCH = 64
"""Rows of one call; more are refused by Triton."""
_QUEUE_DELAY_MICROSECONDS = 500
"""How long a request may wait for others to share a call: half a millisecond of an SLO of 120."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: its name, Triton's data type without `TYPE_`, and how many numbers a row has."""

    name: str
    data_type: str
    columns: int

    def described(self, kind: str) -> str:
        """As config.pbtxt says it; the rows are left out, because Triton adds them."""
        return f'{kind} [ {{ name: "{self.name}" data_type: TYPE_{self.data_type} dims: [ {self.columns} ] }} ]\n'


def triton_repository(model: str, network: bytes, takes: Tensor, gives: Tensor) -> dict[str, bytes]:
    """The files of a repository with one version of one ONNX model, whose requests are put together to larger ones."""
    config = (
        f'name: "{model}"\n'
        'backend: "onnxruntime"\n'
        f"max_batch_size: {_MAX_BATCH}\n"
        f"{takes.described('input')}{gives.described('output')}"
        f"dynamic_batching {{ max_queue_delay_microseconds: {_QUEUE_DELAY_MICROSECONDS} }}\n"
    )
    return {f"{model}/config.pbtxt": config.encode(), f"{model}/1/model.onnx": network}
