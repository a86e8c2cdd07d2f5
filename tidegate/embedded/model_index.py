"""What the training program left: its index, and the samples it names. The only place that reads these files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field, ValidationError

from tidegate.errors import UsageError
from tidegate.facts.fact import Fact, Sha256

INDEX = "models.json"


class TrainedVersion(Fact):
    """One version of a served model. Paths are relative to the registry, whose folders are named as in its URIs."""

    tenant: str
    model: str
    version: str
    """A number, or for the deliberately bad ones a number and the fault (`3-slow`, `3-wrong`, `3-crashing`)."""
    path: str
    sha256: Sha256
    """Of the folder: SHA-256 over one line per file, in order of path: the path, NUL, its SHA-256 in hexadecimal, line break."""
    sample: str
    golden: str
    golden_sha256: Sha256
    """As `sha256`, of the golden set's folder."""
    metric: Literal["auc", "accuracy", "exact-match"]
    value: Annotated[float, Field(ge=0, le=1)]
    """What this version reached on the golden set."""
    trained_on: str
    """A file with a digest of each row that it learnt from, one a line."""


class Sample(Fact):
    """A request for one version and the answer that the same artefact gives in process."""

    path: str
    """Of the URL, below the model's host."""
    request: dict[str, Any]
    """The body, to be sent as JSON."""
    pointer: str
    """Where the values are in the answer: keys and positions, by `/`."""
    expected: tuple[float, ...] | tuple[str, ...]

    def values_in(self, answer: object) -> tuple[object, ...]:
        """The answer's values, to be compared with `expected`. Raises `UsageError` when the answer has another form."""
        found = answer
        for step in self.pointer.split("/"):
            found = _inside(found, step)
            if found is None:
                raise UsageError(f"no {self.pointer} in the answer, so no model server gave it: {str(answer)[:300]}")
        return tuple(cast("list[object]", found)) if isinstance(found, list) else (found,)

    def largest_difference(self, answer: object) -> float:
        """The largest distance of a number in `answer` from the expected one; infinite when a text or the count differs."""
        values = self.values_in(answer)
        if len(values) != len(self.expected):
            return math.inf
        return max(_distance(value, expected) for value, expected in zip(values, self.expected, strict=True))


def _inside(document: object, step: str) -> object:
    if isinstance(document, list):
        items = cast("list[object]", document)
        return items[int(step)] if step.isdecimal() and int(step) < len(items) else None
    return cast("dict[str, object]", document).get(step) if isinstance(document, dict) else None


def _distance(value: object, expected: float | str) -> float:
    if isinstance(expected, float) and isinstance(value, int | float) and not math.isnan(value):
        return abs(value - expected)
    return 0.0 if value == expected else math.inf


class _Index(Fact):
    versions: tuple[TrainedVersion, ...]


_Read = TypeVar("_Read", bound=Fact)


def read_index(folder: Path) -> Sequence[TrainedVersion]:
    """Every version in the registry at `folder`. Raises `UsageError` when it is damaged."""
    return _read(folder / INDEX, _Index).versions


def read_sample(folder: Path, version: TrainedVersion) -> Sample:
    """The sample of a version. Raises `UsageError` when it is damaged."""
    return _read(folder / version.sample, Sample)


def find_version(folder: Path, uri_path: str) -> TrainedVersion | None:
    """The version whose path (`<tenant>/<model>/<version>`, what follows the bucket in a URI) is given; None when not trained."""
    return next((version for version in read_index(folder) if version.path == uri_path), None)


def _read(path: Path, kind: type[_Read]) -> _Read:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(f"{path} is not what training leaves; delete {path.parent} and train again: {error}") from error
