"""Models are trained once per source and lock, never half, and only what changed is sent to a region."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tidegate.checkout import Checkout, cache_folder, find_checkout
from tidegate.cloud.account import Account
from tidegate.cloud.model_buckets import registries_of
from tidegate.embedded import example_models
from tidegate.embedded.model_index import Sample, find_version, read_index, read_sample
from tidegate.errors import CloudError, DoctorError, ToolError, UsageError
from tidegate.facts import inventory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DIGEST = "0" * 64
VERSION: dict[str, object] = {
    "tenant": "fraud", "model": "scorer", "version": "1", "path": "fraud/scorer/1", "sha256": DIGEST, "metric": "auc", "value": 0.95,
    "sample": "fraud/scorer/samples/1/sample.json", "golden": "fraud/scorer/golden/1", "golden_sha256": DIGEST, "trained_on": "fraud/scorer/trained-on/all/rows.txt",
}  # fmt: skip
SAMPLE: dict[str, object] = {
    "path": "/v2/models/scorer/infer",
    "request": {"inputs": []},
    "pointer": "outputs/0/data",
    "expected": [0.25, 0.75],
}

STANDS_FOR_PYTHON = """#!/bin/sh
# What is asked for is: -m clusters.embedded.demo.training.train --out FOLDER
echo "fraud/scorer: trained"
echo once >> "$TRAININGS"
mkdir -p "$4/fraud/scorer/1"
echo trees > "$4/fraud/scorer/1/model.txt"
[ ! -e "$TRAININGS.fail" ] || exit 3
echo '{"versions": []}' > "$4/models.json"
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout whose training is a shell script, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TRAININGS", str(tmp_path / "trainings"))
    root = tmp_path / "checkout"
    for path, content in (
        (example_models.SOURCES / "train.py", "seed = 1"),
        (example_models.LOCK, "numpy==1"),
        (example_models.PYTHON, STANDS_FOR_PYTHON),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    (root / example_models.PYTHON).chmod(0o755)
    return Checkout(root)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry with one version."""
    folder = tmp_path / "registry"
    files: dict[str, object] = {
        "models.json": {"versions": [VERSION]},
        str(VERSION["sample"]): SAMPLE,
        "fraud/scorer/1/model.txt": "trees",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def trainings(tmp_path: Path) -> int:
    return len((tmp_path / "trainings").read_text().splitlines())


def test_second_training_is_taken_from_the_cache(checkout: Checkout, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    first = example_models.train(checkout, lambda subject, what: told.append((subject, what)))
    assert example_models.train(checkout) == first
    assert (trainings(tmp_path), told) == (1, [("models", "fraud/scorer: trained")])
    assert first.parent == cache_folder() / "models"
    assert (first / "fraud/scorer/1/model.txt").read_text() == "trees\n"


@pytest.mark.parametrize(
    "changed", [example_models.SOURCES / "train.py", example_models.SOURCES / "new.py", example_models.LOCK], ids=["source", "file", "lock"]
)
def test_change_of_source_or_lock_trains_anew(checkout: Checkout, tmp_path: Path, changed: Path) -> None:
    first = example_models.train(checkout)
    (checkout.root / changed).write_text("changed")
    assert example_models.train(checkout) != first
    assert trainings(tmp_path) == 2


def test_failed_training_leaves_nothing_and_the_next_one_succeeds(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "trainings.fail").touch()
    with pytest.raises(ToolError, match="fraud/scorer: trained"):
        example_models.train(checkout)
    assert list((cache_folder() / "models").iterdir()) == []
    (tmp_path / "trainings.fail").unlink()
    assert (example_models.train(checkout) / "models.json").is_file()


def test_missing_environment_names_the_command_that_makes_it(checkout: Checkout) -> None:
    shutil.rmtree(checkout.root / ".venv-models")
    with pytest.raises(DoctorError, match="make setup-models"):
        example_models.train(checkout)


def test_every_file_is_uploaded_under_its_path(registry: Path, client: S3Client) -> None:
    (uploaded,) = example_models.upload(registry, {"models": client})
    keys = [entry.get("Key") for entry in client.list_objects_v2(Bucket="models").get("Contents", [])]
    assert (uploaded.sent, uploaded.kept) == (3, 0)
    assert keys == ["fraud/scorer/1/model.txt", "fraud/scorer/samples/1/sample.json", "models.json"]
    assert client.get_object(Bucket="models", Key="fraud/scorer/1/model.txt")["Body"].read() == b'"trees"'


def test_second_upload_sends_only_what_changed_even_at_equal_length(registry: Path, client: S3Client) -> None:
    example_models.upload(registry, {"models": client})
    (registry / "fraud/scorer/1/model.txt").write_text('"shrub"')
    (again,) = example_models.upload(registry, {"models": client})
    assert (again.sent, again.kept) == (1, 2)
    assert client.get_object(Bucket="models", Key="fraud/scorer/1/model.txt")["Body"].read() == b'"shrub"'


def test_upload_to_a_bucket_that_is_not_there_is_our_own_error(registry: Path, client: S3Client) -> None:
    with pytest.raises(CloudError, match="NoSuchBucket"):
        example_models.upload(registry, {"elsewhere": client})


def test_folder_without_index_is_not_uploaded(registry: Path, client: S3Client) -> None:
    (registry / "models.json").unlink()
    with pytest.raises(UsageError, match="train again"):
        example_models.upload(registry, {"models": client})
    assert client.list_objects_v2(Bucket="models")["KeyCount"] == 0


def test_each_cluster_has_its_own_bucket() -> None:
    platform = inventory.load(find_checkout(Path(__file__).parent).root)
    buckets = registries_of(platform, Account("http://127.0.0.1:1"))
    assert len(buckets) == len(platform.clusters)
    assert all(any(f"-{cluster}-" in bucket for bucket in buckets) for cluster in platform.clusters)


def test_version_is_found_by_its_path_and_no_other(registry: Path) -> None:
    found = find_version(registry, "fraud/scorer/1")
    assert found == read_index(registry)[0]
    assert find_version(registry, "fraud/scorer/2") is None


def test_damaged_index_says_what_to_do(registry: Path) -> None:
    (registry / "models.json").write_text('{"versions": [{"tenant": "fraud"}]}')
    with pytest.raises(UsageError, match="train again"):
        read_index(registry)


@pytest.mark.parametrize(
    ("answer", "difference"),
    [
        ([0.25, 0.75], 0.0),
        ([0.25, 0.5], 0.25),
        ([0, 0.75], 0.25),
        ([0.25], math.inf),
        (["0.25", 0.75], math.inf),
        ([math.nan, 0.75], math.inf),
    ],
    ids=["equal", "other", "whole-number", "too-few", "text", "not-a-number"],
)
def test_answer_is_compared_with_the_sample(registry: Path, answer: list[object], difference: float) -> None:
    sample = read_sample(registry, read_index(registry)[0])
    assert sample.largest_difference({"outputs": [{"data": answer}]}) == difference


def test_answer_of_another_form_is_refused_with_its_text(registry: Path) -> None:
    sample = read_sample(registry, read_index(registry)[0])
    with pytest.raises(UsageError, match="no healthy upstream"):
        sample.largest_difference("no healthy upstream")


def test_texts_are_compared_as_texts() -> None:
    sample = Sample(path="/v1/completions", request={}, pointer="choices/0/text", expected=("open it.",))
    assert sample.largest_difference({"choices": [{"text": "open it."}]}) == 0.0
    assert sample.largest_difference({"choices": [{"text": "close it."}]}) == math.inf
