"""Measurements on disk: written whole or not at all, and refused when they are not what was written."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tidegate.errors import UsageError
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.tools.files import write_whole


def keep(path: Path, samples: GoldenSamples) -> None:
    """Writes the file. Raises `OSError`, and leaves what was there."""
    write_whole(path, (samples.model_dump_json(indent=1) + "\n").encode())


def read_samples(path: Path) -> GoldenSamples:
    """What `keep` wrote. Raises `UsageError` for anything else."""
    try:
        return GoldenSamples.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path} holds no samples of a golden set: {where or 'document'}: {first['msg']}; measure again") from error
