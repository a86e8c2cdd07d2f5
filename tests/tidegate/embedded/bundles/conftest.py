"""The two sides of a bundle: where it is made, and the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidegate.embedded.bundles.scratch_bundles import Place, export, make_place, new_signer


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A small checkout with a cache of its own, and stand-ins for what builds."""
    return make_place(tmp_path / "here", monkeypatch)


@pytest.fixture
def bundle(here: Place, tmp_path: Path) -> Path:
    """What `here` exports; the key to check it with is `team.pub` beside it."""
    return export(here, tmp_path / "a.bundle", new_signer(tmp_path))
