"""The registry on disk: stable bytes, one digest per version, golden sets and samples beside and not inside."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.embedded.demo.training import metrics
from clusters.embedded.demo.training.registry_layout import (
    GoldenSet,
    Sample,
    TrainedModel,
    Version,
    faulty,
    mlserver_settings,
    row_digest,
    tree_sha256,
    write_registry,
)
from tidegate.asking import golden_folder
from tidegate.embedded.model_index import read_index, read_sample

VERSION = Version(
    name="1", files={"model.txt": b"trees", "model-settings.json": b"{}"}, flavour="lightgbm", inputs=("a", "b"), outputs=("predict",),
    sample=Sample("/v2/models/m/infer", {"inputs": []}, "outputs/0/data", [0.5]), golden_value=0.75, trained_on="all",
    trained_with={"lgb_version": "4.7.0"},
)  # fmt: skip
GOLDEN = GoldenSet([[1.0, 2.0]], [1], "auc", {"region": ["abroad"]})


def model(*versions: Version) -> TrainedModel:
    return TrainedModel("fraud", "scorer", GOLDEN, versions, {"all": [[2.0, 1.0], [3.0, 4.0], [2.0, 1.0]]})


def test_version_folder_holds_what_a_server_loads_and_nothing_else(tmp_path: Path) -> None:
    write_registry(tmp_path, [model(VERSION)])
    assert sorted(path.name for path in (tmp_path / "fraud/scorer/1").iterdir()) == [
        "MLmodel", "metadata.json", "model-settings.json", "model.txt",
    ]  # fmt: skip
    assert (tmp_path / "fraud/scorer/golden/1/inputs.json").is_file()
    assert (tmp_path / "fraud/scorer/samples/1/sample.json").is_file()


def test_index_reads_back_with_the_digest_of_each_folder(tmp_path: Path) -> None:
    write_registry(tmp_path, [model(VERSION, replace(VERSION, name="3-slow"))])
    index = read_index(tmp_path)
    assert [(entry.path, entry.value) for entry in index] == [("fraud/scorer/1", 0.75), ("fraud/scorer/3-slow", 0.75)]
    for entry in index:
        assert entry.sha256 == tree_sha256(tmp_path / entry.path)
        assert read_sample(tmp_path, entry).expected == (0.5,)


def test_digest_of_a_folder_is_that_of_its_sorted_lines(tmp_path: Path) -> None:
    for name in ("b", "a/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    lines = "".join(f"{name}\0{hashlib.sha256(name.encode()).hexdigest()}\n" for name in ("a/c", "b"))
    assert tree_sha256(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_packed_version_is_one_archive_of_all_its_files(tmp_path: Path) -> None:
    write_registry(tmp_path, [model(replace(VERSION, packed=True, files={"merchant-000/model.joblib": b"x"}))])
    (archive,) = (tmp_path / "fraud/scorer/1").iterdir()
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["MLmodel", "merchant-000/model.joblib", "metadata.json"]
        assert {member.date_time for member in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_mlmodel_states_flavour_and_signature_and_the_same_run_each_time(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        write_registry(tmp_path / folder, [model(VERSION)])
    text = (tmp_path / "first/fraud/scorer/1/MLmodel").read_text()
    assert text == (tmp_path / "second/fraud/scorer/1/MLmodel").read_text()
    document = json.loads(text)
    assert document["flavors"] == {"lightgbm": {"data": "model-settings.json", "code": None, "lgb_version": "4.7.0"}}
    assert [column["name"] for column in json.loads(document["signature"]["inputs"])] == ["a", "b"]


def test_settings_name_no_model() -> None:
    assert "name" not in json.loads(mlserver_settings("a.B", "1", "./m"))


@pytest.mark.parametrize(
    ("version", "implementation"),
    [
        ("2", "mlserver_lightgbm.LightGBMModel"), ("3-wrong", "mlserver_lightgbm.LightGBMModel"),
        ("3-slow", "clusters.workloads.mlserver.faults.SlowLightGBMModel"), ("3-crashing", "clusters.workloads.mlserver.faults.CrashingLightGBMModel"),
    ],
)  # fmt: skip
def test_only_slow_and_crashing_versions_run_other_code(version: str, implementation: str) -> None:
    assert faulty(version, "mlserver_lightgbm.LightGBMModel")[0] == implementation


def test_golden_set_has_a_group_for_every_row_and_each_version_a_list_of_its_training_rows(tmp_path: Path) -> None:
    write_registry(tmp_path, [model(VERSION)])
    assert json.loads((tmp_path / "fraud/scorer/golden/1/slices.json").read_text()) == {"region": ["abroad"]}
    (entry,) = read_index(tmp_path)
    assert (tmp_path / entry.trained_on).read_text().split() == sorted(map(row_digest, ([2.0, 1.0], [3.0, 4.0])))
    assert "trained" not in {path.name for path in (tmp_path / "fraud/scorer/1").iterdir()}, "pods would load it"


@pytest.mark.parametrize("row", [[1.5, 2, -0.0], {"b": 1, "a": ["x", None, True]}, "how do i?", {"model": "m", "row": [1, 2.0]}, []])
def test_gate_names_rows_as_training_does(row: object) -> None:
    assert golden_folder.row_digest(json.loads(json.dumps(row))) == row_digest(row)


def test_whole_number_and_decimal_are_the_same_row_and_others_are_not() -> None:
    assert row_digest([1, 2]) == row_digest([1.0, 2.0])
    assert row_digest({"a": 1, "b": 2}) == row_digest({"b": 2, "a": 1.0})
    assert len({row_digest(row) for row in ([1.0, 2.0], [2.0, 1.0], [1.0], "1.0", [1.0000001, 2.0])}) == 5


def test_auc_counts_ties_half_and_wants_both_classes() -> None:
    assert metrics.auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    assert metrics.auc([0, 1], [0.5, 0.5]) == 0.5
    with pytest.raises(ValueError, match="both classes"):
        metrics.auc([1, 1], [0.1, 0.2])


def test_accuracy_and_exact_match_are_shares() -> None:
    assert metrics.accuracy([1, 0, 1, 0], [0.5, 0.6, 0.9, 0.1]) == 0.75
    assert metrics.exact_match(["a", "b"], ["a", "c"]) == 0.5
