"""What decides how add-ons are rendered is named by paths that are there, so that a change of it renders them anew."""

from __future__ import annotations

import pytest

from tests.root import ROOT
from tidegate.embedded.delivery.delivery import SOURCES


@pytest.mark.parametrize("glob", SOURCES)
def test_every_named_source_is_there(glob: str) -> None:
    assert list(ROOT.glob(glob))


@pytest.mark.parametrize(
    "file", ["clusters/addons/istio.py", "clusters/releases.yaml", "tidegate/facts/names.py", "tidegate/contracts/rendering.py"]
)
def test_what_add_ons_import_or_read_is_among_them(file: str) -> None:
    assert any((ROOT / file) in ROOT.glob(glob) for glob in SOURCES)
