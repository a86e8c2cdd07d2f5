"""Trains every model of the embedded region: `python -m clusters.embedded.demo.training.train --out DIR`.

Prints one line per model, for the command that runs us to show.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from clusters.embedded.demo.training.batch_models import batch_scores
from clusters.embedded.demo.training.boosted_models import fraud_scorer, fraud_shadow
from clusters.embedded.demo.training.chat_on_gpu import chat_of_both
from clusters.embedded.demo.training.credit_models import credit_decision
from clusters.embedded.demo.training.merchant_models import merchant_anomaly
from clusters.embedded.demo.training.registry_layout import TrainedModel, write_registry

_MODELS: tuple[Callable[[], TrainedModel], ...] = (
    fraud_scorer,
    credit_decision,
    chat_of_both,
    batch_scores,
    fraud_shadow,
    merchant_anomaly,
)


def main(arguments: list[str] | None = None) -> None:
    """Trains into the folder that `--out` names, which must not hold anything yet."""
    parser = argparse.ArgumentParser(prog="clusters.embedded.demo.training.train", description="Train the embedded region's models.")
    parser.add_argument("--out", type=Path, required=True)
    folder: Path = parser.parse_args(arguments).out
    if folder.exists() and any(folder.iterdir()):
        parser.error(f"{folder} is not empty")
    models: list[TrainedModel] = []
    for make in _MODELS:
        started = time.monotonic()
        models.append(make())
        reached = ", ".join(f"{version.name} {version.golden_value:.3f}" for version in models[-1].versions)
        took = time.monotonic() - started
        sys.stdout.write(f"{models[-1].tenant}/{models[-1].name}: {models[-1].golden.metric} of {reached} ({took:.1f} s)\n")
        sys.stdout.flush()
    write_registry(folder, models)


if __name__ == "__main__":
    main()
