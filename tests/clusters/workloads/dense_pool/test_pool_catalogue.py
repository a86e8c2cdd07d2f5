"""A catalogue says all that its format knows, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clusters.workloads.dense_pool import catalogue

GOOD = {
    "format": 1, "version": "1", "implementation": "mlserver_sklearn.SKLearnModel", "extra": {},
    "models": {"merchant-000": {"sha256": "a" * 64, "bytes": 4321}},
}  # fmt: skip


def test_good_catalogue_is_read() -> None:
    read = catalogue.parse(json.dumps(GOOD))
    assert read.models["merchant-000"] == catalogue.PoolModel("merchant-000", "a" * 64, 4321)
    assert read.models["merchant-000"].resident_bytes > 3 * 4321


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": 2}, "format 2 is not 1"),
        ({"more": 1}, "it must have exactly extra, format"),
        ({"extra": 1}, "extra = 1: must have names and whole numbers"),
        ({"extra": {"delay_ms": "400"}}, "extra = .*: must have names and whole numbers"),
        ({"models": {}}, "models: none"),
        ({"implementation": "os.system"}, "implementation = 'os.system'"),
        ({"models": {"../up": {"sha256": "a" * 64, "bytes": 1}}}, r"models\.\.\./up"),
        ({"models": {"one": {"sha256": "A" * 64, "bytes": 1}}}, r"models\.one\.sha256"),
        ({"models": {"one": {"sha256": "../../etc/passwd", "bytes": 1}}}, r"models\.one\.sha256"),
        ({"models": {"one": {"sha256": "a" * 64, "bytes": True}}}, r"models\.one\.bytes = True: is no size"),
        ({"models": {"one": {"sha256": "a" * 64, "bytes": 0}}}, r"models\.one\.bytes = 0: is no size"),
        ({"models": {"one": {"sha256": "a" * 64}}}, r"models\.one must have exactly bytes, sha256"),
        ({"version": 1}, "version = 1"),
    ],
    ids=["format", "unknown-key", "settings", "setting", "no-models", "any-code", "parent-path", "capitals", "path-for-digest", "boolean", "empty", "no-size", "number"],
)  # fmt: skip
def test_anything_else_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(catalogue.CatalogueError, match=message):
        catalogue.parse(json.dumps(GOOD | changed))


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    with pytest.raises(catalogue.CatalogueError):
        catalogue.parse(text)
