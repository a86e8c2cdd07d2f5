"""What rendering reads of upstream's modules is kept by itself, and then asked of nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidegate.embedded.bundles.scratch_bundles import ADD_ONS, Place, make_place
from tidegate.embedded.builds import sources
from tidegate.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(tmp_path / "here", monkeypatch)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_only_what_is_read_is_kept_and_go_is_asked_once(here: Place) -> None:
    folders = sources.add_on_folders(here.checkout)
    assert {key: names(folder) for key, folder in folders.items()} == {"example.org/charts": {"chart/Chart.yaml"}}
    kwok = sources.kwok_folder(here.checkout)
    assert names(kwok) == set(sources.KWOK_STAGES)
    assert here.asked == {"mod", "list"}
    (here.folder / "asked").unlink()
    assert sources.add_on_folders(here.checkout) == folders
    assert sources.kwok_folder(here.checkout) == kwok
    assert here.asked == set()


@pytest.mark.parametrize(("old", "new"), [('"v1"', '"v2"'), ('"chart chart"', '"chart other"')], ids=["version", "files"])
def test_other_version_or_other_files_are_read_anew(here: Place, old: str, new: str) -> None:
    before = sources.add_on_folders(here.checkout)
    here.checkout.python.write_text(ADD_ONS.replace(old, new))
    after = sources.add_on_folders(here.checkout)
    assert after["example.org/charts"] != before["example.org/charts"]


def test_other_pins_of_the_family_are_read_anew(here: Place) -> None:
    before = sources.kwok_folder(here.checkout)
    (here.checkout.root / "clusters/embedded/builds/kwok/go.sum").write_text("sigs.k8s.io/kwok v0.8.1 h1:x")
    assert sources.kwok_folder(here.checkout) != before


def test_file_that_upstream_no_longer_has_is_told_and_nothing_is_kept(here: Place, tmp_path: Path) -> None:
    (tmp_path / "module" / sources.KWOK_STAGES[2]).unlink()
    with pytest.raises(UsageError, match=r"/module has no file kustomize/stage/pod/fast/pod-ready\.yaml; read the release and adapt"):
        sources.kwok_folder(here.checkout)
    assert list((here.cache / "sources").iterdir()) == []
