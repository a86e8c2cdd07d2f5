"""A version is loaded by the libraries that trained it: read from MLflow's description, signed, and compared with the server's."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.root import ROOT
from tests.tidegate.signing.signed_models import FILES, MODEL, OWN, resign, signed, write_files
from tidegate.errors import InventoryError
from tidegate.facts.inventory.serving_pins import LOCK, load_pins
from tidegate.facts.models.served_model import Runtime
from tidegate.facts.models.server_libraries import ModelServer, server_of_runtime
from tidegate.signing.bundles import SigningError, sign_version
from tidegate.signing.checks.refusal import Refusal
from tidegate.signing.checks.verification import Expected, Verified, verify
from tidegate.signing.trained_with import trained_with

MLFLOW = b"""flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.9}
  sklearn: {pickled_model: model.pkl, sklearn_version: 1.9.1, serialization_format: cloudpickle}
"""
LIGHTGBM = b'{"flavors": {"lightgbm": {"lgb_version": "4.7.0"}}}'


def loaded(folder: Path, server: str = "mlserver-lightgbm", **libraries: str) -> Verified:
    """What a server with those libraries makes of a model that lightgbm 4.7.0 trained."""
    expected = signed(folder, files={**FILES, "MLmodel": LIGHTGBM})
    return verify(folder, Expected(expected.model, expected.sha256, expected.key_id, expected.public_key, server, libraries))


@pytest.mark.parametrize("version", ["4.7.0", "4.7.3", "4.7"])
def test_same_major_and_minor_version_loads_and_is_told(tmp_path: Path, version: str) -> None:
    found = loaded(tmp_path, lightgbm=version)
    assert found.trained_with == {"lightgbm": "4.7.0"}
    assert found.comparison == "trained with lightgbm 4.7.0 as in mlserver-lightgbm"


@pytest.mark.parametrize(("version", "series"), [("4.6.0", "4.6"), ("5.7.0", "5.7"), ("4.70.0", "4.70")])
def test_another_major_or_minor_version_is_refused_with_both_and_the_remedy(tmp_path: Path, version: str, series: str) -> None:
    with pytest.raises(Refusal) as refused:
        loaded(tmp_path, lightgbm=version)
    assert str(refused.value) == (
        f"it was trained with lightgbm 4.7.0, and mlserver-lightgbm loads it with {version}; "
        f"train it with lightgbm {series} and sign that as a new version"
    )


def test_server_whose_versions_nobody_knows_loads_and_that_is_said(tmp_path: Path) -> None:
    assert loaded(tmp_path, server="triton").comparison == (
        "trained with lightgbm 4.7.0 not compared (what triton has is not known)"
    )  # fmt: skip


def test_statement_from_before_loads_and_that_is_said(tmp_path: Path) -> None:
    expected = signed(tmp_path)
    statement = json.loads(base64.b64decode(json.loads((tmp_path / "model.statement").read_bytes())["payload"]))
    assert set(statement["predicate"]) == {"keyId", "files", "sizeBytes", "signedAt"}
    found = verify(tmp_path, Expected(expected.model, expected.sha256, expected.key_id, expected.public_key, "x", {"lightgbm": "4.7.0"}))
    assert found.comparison == "libraries not compared: the statement names none"


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (["lightgbm"], "libraries in predicate of model.statement is no object"),
        ({"LightGBM": "4.7.0"}, "names the library 'LightGBM'; write a package's name in lower case"),
        ({"lightgbm": "new"}, "names lightgbm 'new'; write a version that begins with two numbers"),
        ({"lightgbm": 4.7}, "names lightgbm 4.7; write a version"),
        ({f"x{number}": "1.0" for number in range(21)}, "names 21 libraries; 20 is the most"),
    ],
    ids=["list", "name", "version", "number", "too-many"],
)
def test_statement_with_another_form_is_refused_though_it_is_signed(tmp_path: Path, stated: Any, message: str) -> None:
    expected = signed(tmp_path)
    resign(tmp_path / "model.statement", lambda it: it["predicate"].update(libraries=stated))
    with pytest.raises(Refusal, match=message):
        verify(tmp_path, expected)


def test_mlflows_description_is_read_in_a_folder_and_in_an_archive(tmp_path: Path) -> None:
    assert trained_with(write_files(tmp_path / "folder", {"MLmodel": MLFLOW, "model.pkl": b"x"})) == {"scikit-learn": "1.9.1"}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("MLmodel", LIGHTGBM)
    assert trained_with(write_files(tmp_path / "packed", {"models.zip": packed.getvalue()})) == {"lightgbm": "4.7.0"}


def test_files_without_a_description_name_nothing(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("catalogue.json", "{}")
    assert trained_with(write_files(tmp_path / "packed", {"models.zip": packed.getvalue()})) == {}
    assert trained_with(write_files(tmp_path / "plain", {"model.txt": b"x"})) == {}
    assert trained_with(write_files(tmp_path / "list", {"MLmodel": b"- a\n"})) == {}


@pytest.mark.parametrize(
    ("description", "message"),
    [(b"{", "MLmodel is not YAML"), (b"flavors: {sklearn: {sklearn_version: latest}}", "MLmodel names scikit-learn 'latest'")],
    ids=["damaged", "no-version"],
)
def test_description_that_says_nothing_certain_is_not_signed(tmp_path: Path, description: bytes, message: str) -> None:
    with pytest.raises(SigningError, match=f"cannot be signed: {message}"):
        sign_version(write_files(tmp_path, {"MLmodel": description, "model.txt": b"x"}), MODEL, OWN)


def test_what_the_signer_says_wins_over_the_description(tmp_path: Path) -> None:
    stated = sign_version(write_files(tmp_path, {"MLmodel": LIGHTGBM}), MODEL, OWN, used={"lightgbm": "4.6.0", "numpy": "2.4.6"})
    assert stated.libraries == {"lightgbm": "4.6.0", "numpy": "2.4.6"}


def test_versions_of_mlservers_images_are_those_of_their_lock() -> None:
    pins = load_pins(ROOT)
    assert server_of_runtime(Runtime.MLSERVER_LIGHTGBM, pins) == ModelServer("mlserver-lightgbm", {"lightgbm": pins["lightgbm"]})
    assert server_of_runtime(Runtime.MLSERVER_SKLEARN, pins).libraries == {"scikit-learn": pins["scikit-learn"]}
    assert server_of_runtime(Runtime.MLSERVER_SKLEARN, pins, dense_pool=True).libraries.keys() == {"lightgbm", "scikit-learn"}
    assert server_of_runtime(Runtime.TRITON, pins) == ModelServer("triton")


def test_lock_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"locks/serving-mlserver\.txt: cannot be read: No such file"):
        load_pins(tmp_path / "none")
    write_files(tmp_path, {LOCK.as_posix(): b"# nothing\n"})
    with pytest.raises(InventoryError, match=r"locks/serving-mlserver\.txt: names no package"):
        load_pins(tmp_path)
