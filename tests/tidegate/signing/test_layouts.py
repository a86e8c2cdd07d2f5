"""A version is refused when its model server would find nothing to load in it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.tidegate.signing.layout_files import POOL, loadable
from tests.tidegate.signing.signed_models import write_files
from tidegate.facts.models.served_model import Runtime
from tidegate.signing.layouts import layout_problem


@pytest.mark.parametrize("runtime", Runtime)
def test_files_of_its_own_form_are_loaded(tmp_path: Path, runtime: Runtime) -> None:
    write_files(tmp_path, loadable(runtime, "scorer") | {"model.sig": b"", "README": b""})
    assert layout_problem(tmp_path, "scorer", runtime) == ""


_FOREIGN = {
    Runtime.MLSERVER_SKLEARN: (
        Runtime.MLSERVER_LIGHTGBM,
        "mlserver-sklearn loads *.joblib or *.pkl or *.pickle, and there is none among model-settings.json, model.txt",
    ),
    Runtime.MLSERVER_LIGHTGBM: (
        Runtime.MLSERVER_SKLEARN, "mlserver-lightgbm loads *.txt or *.bst, and there is none among model-settings.json, model.joblib",
    ),
    Runtime.MLSERVER_XGBOOST: (Runtime.TRITON, "mlserver-xgboost loads model-settings.json, and there is none among"),
    Runtime.TRITON: (
        Runtime.MLSERVER_SKLEARN, "triton loads scorer/config.pbtxt, and there is none among model-settings.json, model.joblib",
    ),
    Runtime.TORCHSERVE: (
        Runtime.MLSERVER_LIGHTGBM, "torchserve loads config/config.properties, and there is none among model-settings.json, model.txt",
    ),
    Runtime.VLLM: (Runtime.NGRAM, "vllm loads config.json, and there is none among ngrams.json, server.json"),
    Runtime.HUGGINGFACE: (Runtime.NGRAM, "huggingface loads config.json, and there is none among ngrams.json, server.json"),
    Runtime.NGRAM: (Runtime.VLLM, "ngram loads ngrams.json, and there is none among config.json, model.safetensors, tokenizer.json"),
}  # fmt: skip


@pytest.mark.parametrize("runtime", Runtime)
def test_files_of_another_server_are_refused(tmp_path: Path, runtime: Runtime) -> None:
    written_for, problem = _FOREIGN[runtime]
    write_files(tmp_path, loadable(written_for, "scorer"))
    assert problem in layout_problem(tmp_path, "scorer", runtime)


def test_settings_that_name_another_implementation_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, loadable(Runtime.MLSERVER_LIGHTGBM, "scorer") | {"model.joblib": b""})
    problem = layout_problem(tmp_path, "scorer", Runtime.MLSERVER_SKLEARN)
    assert problem.startswith("model-settings.json does not say what mlserver-sklearn needs")


def test_triton_looks_under_the_models_own_name(tmp_path: Path) -> None:
    write_files(tmp_path, loadable(Runtime.TRITON, "other"))
    assert layout_problem(tmp_path, "scorer", Runtime.TRITON).startswith("triton loads scorer/config.pbtxt, and there is none among other/")


def test_a_pool_needs_a_catalogue_whatever_its_runtime(tmp_path: Path) -> None:
    write_files(tmp_path, loadable(Runtime.MLSERVER_SKLEARN, "anomaly"))
    assert layout_problem(tmp_path, "anomaly", Runtime.MLSERVER_SKLEARN, dense_pool=True).startswith(
        "a dense pool loads catalogue.json, and there is none among model-settings.json"
    )


def test_an_archive_counts_as_what_it_holds(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in POOL.items():
            archive.writestr(name, content)
    write_files(tmp_path, {"models.zip": packed.getvalue()})
    assert layout_problem(tmp_path, "anomaly", Runtime.MLSERVER_SKLEARN, dense_pool=True) == ""


def test_settings_are_no_model(tmp_path: Path) -> None:
    files = loadable(Runtime.MLSERVER_XGBOOST, "scorer")
    write_files(tmp_path, {"model-settings.json": files["model-settings.json"]})
    assert layout_problem(tmp_path, "scorer", Runtime.MLSERVER_XGBOOST).startswith("mlserver-xgboost loads *.bst or *.json or *.ubj, and ")


def test_an_archive_beside_other_files_is_not_unpacked(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("ngrams.json", "{}")
        archive.writestr("server.json", "{}")
    write_files(tmp_path, {"models.zip": packed.getvalue()})
    assert layout_problem(tmp_path, "chat", Runtime.NGRAM) == ""
    write_files(tmp_path, {"README": b"x"})
    assert layout_problem(tmp_path, "chat", Runtime.NGRAM) == "ngram loads ngrams.json, and there is none among README, models.zip"


def test_damaged_archive_is_a_problem_in_words(tmp_path: Path) -> None:
    write_files(tmp_path, {"models.zip": b"PK\x03\x04 no zip"})
    assert layout_problem(tmp_path, "chat", Runtime.NGRAM) == "'models.zip' cannot be unpacked: 'File is not a zip file'"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert layout_problem(tmp_path, "scorer", Runtime.NGRAM) == "ngram loads ngrams.json, and there is none among no files"
