"""TorchServe's handler of scoring/batch: a network of one hidden layer, on a card when there is one.

Goes into the model archive as it is, and runs in TorchServe's image with nothing but torch. Reads `network.json` beside it.
"""

# pyright: basic
# Nothing of torch has a type here, because the training environment has no torch.

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]


class AccountScores:
    """The probability that an account falls asleep, one per row."""

    def __init__(self) -> None:
        self._answered = 0

    def initialize(self, context: Any) -> None:  # noqa: ANN401 - TorchServe's own object
        """Builds the network from the archive's folder."""
        written = json.loads((Path(context.system_properties["model_dir"]) / "network.json").read_text(encoding="utf-8"))
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._layers = [
            tuple(torch.tensor(layer[part], dtype=torch.float64, device=self._device) for part in ("weights", "bias"))
            for layer in written["layers"]
        ]
        self._delay_seconds, self._crash_at = written["delay_ms"] / 1000, written["crash_at_request"]

    def handle(self, data: list[dict[str, Any]], _context: Any) -> list[list[float]]:  # noqa: ANN401 - TorchServe's own object
        """The scores of each input tensor of a v2 request; TorchServe's envelope has given each its shape."""
        self._answered += 1
        if self._answered == self._crash_at:
            os._exit(1)
        time.sleep(self._delay_seconds)
        with torch.inference_mode():
            return [self._scores(one["data"]) for one in data]

    def _scores(self, rows: list[list[float]]) -> list[float]:
        (hidden, hidden_bias), (output, output_bias) = self._layers
        seen = torch.tensor(rows, dtype=torch.float64, device=self._device)
        return torch.sigmoid(torch.relu(seen @ hidden + hidden_bias) @ output + output_bias).tolist()
