"""A folder is a golden set or is refused in one sentence; a leak is found row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.asking.golden_folder import look_for_leaks, read_golden, row_digest
from tidegate.asking.kept_samples import keep, read_samples
from tidegate.errors import UsageError

from tests.tidegate.gates.golden_set.measurements import measured  # isort: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "golden"
    path.mkdir()
    (path / "inputs.json").write_text("[[1, 2.0], [3, 4]]")
    (path / "expected.json").write_text('{"metric": "auc", "values": [1, 0]}')
    (path / "slices.json").write_text('{"region": ["near", "far"]}')
    return path


def test_set_is_read_with_its_digest(folder: Path) -> None:
    found = read_golden(folder)
    assert (found.metric, found.inputs, found.labels, found.slices) == ("auc", ([1, 2.0], [3, 4]), (1.0, 0.0), {"region": ("near", "far")})
    (folder / "slices.json").unlink()
    other = read_golden(folder)
    assert other.slices == {}
    assert other.sha256 != found.sha256


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("inputs.json", "[]", r"Tuple should have at least 1 item"), ("inputs.json", "[[1, NaN]]", "inputs.json holds NaN, which is no number"),
        ("inputs.json", "[[1]", "inputs.json is no JSON"), ("inputs.json", "[[1]]", "1 inputs and 2 expected values; write one for each"),
        ("inputs.json", '[{"a": 1, "a": 2}, 1]', "inputs.json holds a key twice: a"), ("inputs.json", "[" * 100_000, "inputs.json is no JSON"),
        ("expected.json", "{}", "metric: Field required"), ("expected.json", '{"metric": "f1", "values": [1, 0]}', "metric: Input should be"),
        ("expected.json", '{"metric": "auc", "values": [true, 0]}', r"values\.0\.float: Input should be a valid number"),
        ("expected.json", "", "expected.json is no JSON"), ("slices.json", '{"region": [1, 2]}', r"region\.0: Input should be a valid string"),
        ("slices.json", "[]", "document: Input should be an object"),
    ],
)  # fmt: skip
def test_damaged_file_is_refused(folder: Path, name: str, text: str, words: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(UsageError, match=f"golden is no golden set: .*{words}.*; see docs/golden-set-gate.md|{words}"):
        read_golden(folder)


def test_missing_file_or_folder_is_refused(folder: Path) -> None:
    (folder / "expected.json").unlink()
    with pytest.raises(UsageError, match=r"is no golden set: .*expected\.json"):
        read_golden(folder)
    with pytest.raises(UsageError, match="is no golden set: "):
        read_golden(folder / "none")


def test_leak_is_found_by_row(tmp_path: Path) -> None:
    listed = tmp_path / "rows.txt"
    listed.write_text(f"{row_digest([3, 4])}\n{row_digest([9])}\n")
    found = look_for_leaks([[1.0, 2.0], [3.0, 4.0]], listed)
    assert (found.listed, found.found) == (2, (1,))
    assert look_for_leaks([[3.0, 4.000001]], listed).found == ()


@pytest.mark.parametrize(("text", "words"), [("abc", "'abc' is not 16 hexadecimal digits"), ("é", "is no list of training rows")])
def test_list_of_another_form_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "rows.txt").write_text(text)
    with pytest.raises(UsageError, match=words):
        look_for_leaks([], tmp_path / "rows.txt")


def test_samples_are_kept_and_read_back_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.json"
    keep(path, measured())
    assert read_samples(path) == measured()
    whole = path.read_text()
    for text, words in (
        (whole[: len(whole) // 2], "document: Invalid JSON"), ("", "document: Invalid JSON"), ("{}", "model: Field required"),
        (whole.replace('"row": 0,', '"row": "0",', 1), "Input should be a valid integer"),
        (whole.replace('"labels"', '"label"', 1), "labels: Field required"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(UsageError, match=f"samples.json holds no samples of a golden set: .*{words}.*; measure again"):
            read_samples(path)
