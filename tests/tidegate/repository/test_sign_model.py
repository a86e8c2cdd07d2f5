"""What a model server could not load is not signed; which server that is stands in the tenant's file or in the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.signing.layout_files import POOL, loadable
from tests.tidegate.signing.signed_models import OWN, write_files
from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts.models.served_model import Runtime
from tidegate.repository.sign_model import Loader, loaders_of, parse_libraries, sign_loadable
from tidegate.signing.bundles import SigningError


def loaders(name: str, runtime: str | None = None) -> list[Loader]:
    return loaders_of(name, runtime, lambda: Checkout(ROOT))


def no_checkout() -> Checkout:
    raise AssertionError("no file is needed")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fraud/scorer/7", [Loader(Runtime.MLSERVER_LIGHTGBM)]),
        ("credit/decision/7", [Loader(Runtime.TRITON)]),
        ("credit/decision/7-cpu", [Loader(Runtime.MLSERVER_SKLEARN)]),
        ("merchants/anomaly/7", [Loader(Runtime.MLSERVER_SKLEARN, dense_pool=True)]),
    ],
)
def test_server_of_a_version_is_the_one_that_the_tenants_file_names(name: str, expected: list[Loader]) -> None:
    assert loaders(name) == expected


def test_server_may_be_named_where_no_file_is() -> None:
    assert loaders_of("new/model/1", "triton", no_checkout) == [Loader(Runtime.TRITON)]
    assert loaders_of("new/model/1", "pool", no_checkout)[0].dense_pool


def test_model_that_no_file_names_is_not_signed_unchecked() -> None:
    with pytest.raises(
        UsageError, match=r"no tenant's file names fraud/new yet; say what will load it with --runtime \(mlserver-sklearn, "
    ):
        loaders("fraud/new/1")
    with pytest.raises(UsageError, match="abacus is no model server; there are mlserver-sklearn, "):
        loaders("fraud/scorer/1", "abacus")


def test_files_that_the_server_looks_for_are_signed(tmp_path: Path) -> None:
    write_files(tmp_path, loadable(Runtime.MLSERVER_LIGHTGBM, "scorer"))
    stated = sign_loadable(tmp_path, "fraud/scorer/7", OWN, loaders("fraud/scorer/7"), {"lightgbm": "4.7.0"})
    assert (stated.files, stated.libraries) == (2, {"lightgbm": "4.7.0"})


def test_files_that_the_server_would_miss_are_named_and_nothing_is_signed(tmp_path: Path) -> None:
    write_files(tmp_path, loadable(Runtime.MLSERVER_SKLEARN, "scorer"))
    with pytest.raises(
        SigningError, match=r"as fraud/scorer/7: mlserver-lightgbm loads \*\.txt or \*\.bst, and there is none among model-s"
    ):
        sign_loadable(tmp_path, "fraud/scorer/7", OWN, loaders("fraud/scorer/7"))
    assert not (tmp_path / "model.sig").exists()


def test_a_pools_version_needs_its_catalogue(tmp_path: Path) -> None:
    write_files(tmp_path / "pool", POOL)
    sign_loadable(tmp_path / "pool", "merchants/anomaly/7", OWN, loaders("merchants/anomaly/7"))
    write_files(tmp_path / "one", loadable(Runtime.MLSERVER_SKLEARN, "anomaly"))
    with pytest.raises(SigningError, match=r"a dense pool loads catalogue\.json"):
        sign_loadable(tmp_path / "one", "merchants/anomaly/7", OWN, loaders("merchants/anomaly/7"))


def test_name_that_is_no_version_is_refused_as_such(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fraud/scorer is no model version"):
        sign_loadable(write_files(tmp_path, {"a": b"a"}), "fraud/scorer", OWN, [Loader(Runtime.TRITON)])


def test_libraries_are_given_by_name_and_version() -> None:
    assert parse_libraries(["scikit-learn=1.9.1", "lightgbm==4.7.0"]) == {"scikit-learn": "1.9.1", "lightgbm": "4.7.0"}
    with pytest.raises(UsageError, match=r"--library lightgbm has no version; write it as scikit-learn=1\.9\.1"):
        parse_libraries(["lightgbm"])
