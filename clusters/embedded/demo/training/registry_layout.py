"""The model registry on disk: version folders as MLflow would describe them, golden sets, samples and the index.

    <tenant>/<model>/<version>/            what the server loads, with MLmodel and metadata.json
    <tenant>/<model>/golden/<set>/         inputs.json, expected.json and slices.json: what every version is judged by
    <tenant>/<model>/trained-on/<data>/    rows.txt: a digest of each row that a version learnt from, against leaks into golden sets
    <tenant>/<model>/samples/<version>/    sample.json: a ready request and the answer computed in process
    models.json                            the index

Golden sets and samples are outside the version folder, because that is what every starting pod downloads.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import cast

TRAINED_AT = "2026-11-01 00:00:00.000000"
"""The time every MLmodel file states (UTC, MLflow's form). Fixed: a clock would change the bytes."""

GOOD_VERSIONS = ("1", "2")
BAD_VERSIONS = ("3-slow", "3-wrong", "3-crashing")
"""Deliberately bad: correct after `DELAY_MS`; scores upside down; ends the server at request `CRASH_AT_REQUEST`."""

VERSIONS = GOOD_VERSIONS + BAD_VERSIONS

DELAY_MS = 400
CRASH_AT_REQUEST = 20
"""Counted from the server's start. Not at load: a pod that never becomes ready gets no traffic and harms nobody."""

ON_GPU = (*GOOD_VERSIONS, "3-wrong")
"""What is also trained in the layout of a GPU server. The others misbehave by what they tell MLServer or the n-gram server."""

GOLDEN_SET = "1"
"""All versions of a model are judged by the same set, or they could not be compared."""

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sample:
    """A request anybody may send and its answer: the values that `pointer` (keys and positions, by `/`) finds in the body."""

    path: str
    request: Json
    pointer: str
    expected: Sequence[float] | Sequence[str]


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """Inputs and what should come out, judged by `metric` (auc, accuracy or exact-match)."""

    inputs: Sequence[object]
    expected: Sequence[object]
    metric: str
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """By slice, the group of every row."""


@dataclass(frozen=True, slots=True)
class Version:
    """One trained version: its files by relative path, the flavour for MLflow, its signature, sample and golden value."""

    name: str
    files: Mapping[str, bytes]
    flavour: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    sample: Sample
    golden_value: float
    trained_on: str
    """A key of the model's `training`."""
    packed: bool = False
    """Written as one `models.zip`, which the storage initializer unpacks: hundreds of small objects would load slowly."""

    notes: Mapping[str, object] = field(default_factory=dict[str, object])
    trained_with: Mapping[str, str] = field(default_factory=dict[str, str])
    """The version of the flavour's library under MLflow's key for it, such as `sklearn_version`; `tidegate model sign` signs it."""


def on_cpu(version: Version) -> Version:
    """The version as the files of a model that has others for its GPU server."""
    return replace(version, name=f"{version.name}-cpu")


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A served model with all its versions and the golden set they were judged by."""

    tenant: str
    name: str
    golden: GoldenSet
    versions: Sequence[Version]
    training: Mapping[str, Sequence[object]]
    """The rows of each set of training data, in the form that the golden set's inputs have."""


def write_registry(folder: Path, models: Iterable[TrainedModel]) -> None:
    """Writes every model below `folder` and then the index."""
    index = [entry for model in models for entry in _write_model(folder, model)]
    _write(folder / "models.json", as_json({"versions": index}))


def as_json(document: object) -> bytes:
    """JSON with sorted keys and a line break at the end."""
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()


def tree_sha256(folder: Path) -> str:
    """The digest of a folder: SHA-256 over one line per file, in order of path: the path, NUL, its SHA-256 in hexadecimal."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    lines = (f"{name}\0{hashlib.sha256(files[name].read_bytes()).hexdigest()}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def row_digest(row: object) -> str:
    """Names a row: 16 digits of the SHA-256 of its JSON, keys sorted, no spaces, every number as one with a decimal point.

    16, because a thousand rows looked up among a million then meet by chance once in ten thousand million times, and a list is a quarter as long.
    `tidegate.asking.golden_folder` computes the same.
    """
    text = json.dumps(_decimal(row), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _decimal(value: object) -> object:
    if isinstance(value, dict):
        return {key: _decimal(one) for key, one in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_decimal(one) for one in cast("list[object]", value)]
    return float(value) if isinstance(value, int) else value


def mlserver_settings(implementation: str, version: str, uri: str, *, extra: Json | None = None) -> bytes:
    """A model-settings.json. MLServer takes the served model's name from its environment."""
    parameters: dict[str, object] = {"uri": uri, "version": version, **({"extra": extra} if extra else {})}
    return as_json({"implementation": implementation, "parameters": parameters})


def rounded(scores: Sequence[float]) -> list[float]:
    """Scores as a sample keeps them, in nine decimals: further digits are another processor's business."""
    return [round(score, 9) for score in scores]


def faulty(version: str, implementation: str) -> tuple[str, Json | None]:
    """The implementation and settings by which a version misbehaves; the given one for a version that does not."""
    runtime = implementation.rsplit(".", 1)[1]
    if version == "3-slow":
        return f"clusters.workloads.mlserver.faults.Slow{runtime}", {"delay_ms": DELAY_MS}
    if version == "3-crashing":
        return f"clusters.workloads.mlserver.faults.Crashing{runtime}", {"crash_at_request": CRASH_AT_REQUEST}
    return implementation, None


def _write_model(folder: Path, model: TrainedModel) -> Iterable[dict[str, object]]:
    base = f"{model.tenant}/{model.name}"
    golden = f"{base}/golden/{GOLDEN_SET}"
    _write(folder / golden / "inputs.json", as_json(list(model.golden.inputs)))
    _write(folder / golden / "expected.json", as_json({"metric": model.golden.metric, "values": list(model.golden.expected)}))
    _write(folder / golden / "slices.json", as_json({name: list(groups) for name, groups in model.golden.slices.items()}))
    for name, rows in model.training.items():
        digests = sorted({row_digest(row) for row in rows})
        _write(folder / base / "trained-on" / name / "rows.txt", "".join(f"{digest}\n" for digest in digests).encode())
    for version in model.versions:
        path, sample = f"{base}/{version.name}", f"{base}/samples/{version.name}/sample.json"
        files = {**version.files, "MLmodel": _mlmodel(base, version), "metadata.json": _metadata(base, model, version)}
        if version.packed:
            files = {"models.zip": packed_zip(files)}
        for name, content in files.items():
            _write(folder / path / name, content)
        _write(folder / sample, as_json(asdict(version.sample)))
        yield {
            "tenant": model.tenant, "model": model.name, "version": version.name, "path": path, "sha256": tree_sha256(folder / path),
            "sample": sample, "golden": golden, "golden_sha256": tree_sha256(folder / golden), "metric": model.golden.metric,
            "value": version.golden_value, "trained_on": f"{base}/trained-on/{version.trained_on}/rows.txt",
        }  # fmt: skip


def _mlmodel(base: str, version: Version) -> bytes:
    """As MLflow writes it, in JSON, which is YAML."""
    run = hashlib.sha256(f"{base}/{version.name}".encode()).hexdigest()[:32]
    columns = [[{"name": name, "type": "double"} for name in names] for names in (version.inputs, version.outputs)]
    document = {
        "artifact_path": "model", "run_id": run, "model_uuid": run, "utc_time_created": TRAINED_AT,
        "flavors": {version.flavour: {"data": sorted(version.files)[0], "code": None, **version.trained_with}},
        "signature": {"inputs": json.dumps(columns[0]), "outputs": json.dumps(columns[1]), "params": None},
    }  # fmt: skip
    return as_json(document)


def _metadata(base: str, model: TrainedModel, version: Version) -> bytes:
    reached = {"metric": model.golden.metric, "value": version.golden_value, "set": GOLDEN_SET}
    return as_json({"model": base, "version": version.name, "trained_on": "generated data", "golden": reached, **version.notes})


def packed_zip(files: Mapping[str, bytes]) -> bytes:
    """Files as a zip without clocks. Not a tar: KServe unpacks those with a filter that Debian 12's Python 3.11.2 does not know yet."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name)  # of 1980-01-01, the oldest date a zip can say
            member.external_attr = 0o644 << 16
            archive.writestr(member, files[name])
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
