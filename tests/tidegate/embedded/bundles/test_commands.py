"""What a person sees who exports a bundle, takes one, or starts from one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.root import ROOT
from tests.tidegate.embedded.bundles.scratch_bundles import Place, lacking, make_place, new_signer
from tidegate import tools
from tidegate.cli.main import app
from tidegate.embedded import lifecycle
from tidegate.embedded.bundles.export_bundle import bundle_name
from tidegate.errors import BundleError, MachineError, UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = make_place(tmp_path / "here", monkeypatch)
    monkeypatch.chdir(place.checkout.root)
    return place


@pytest.fixture
def there(here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Another machine, after `here` has exported `a.bundle` beside both."""
    run("local", "bundle", "export", str(tmp_path / "a.bundle"))
    assert here.asked
    place = make_place(tmp_path / "there", monkeypatch)
    monkeypatch.chdir(place.checkout.root)
    return place


def run(*arguments: str) -> str:
    result = CliRunner(env={"COLUMNS": "160"}).invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_name_is_printed_and_nothing_else(here: Place) -> None:
    assert run("local", "bundle", "name") == f"{bundle_name(here.checkout)}\n"
    assert here.asked == {"version"}


def test_export_tells_sizes_and_leaves_the_public_key_beside_the_bundle(here: Place, tmp_path: Path) -> None:
    said = run("local", "bundle", "export", str(tmp_path / "a.bundle"))
    assert re.search(
        r"a\.bundle: 0 MB for 0 MB, packed in \d+ s\. a\.bundle\.pub is the key that verifies it; get it to others by another way", said
    )
    rows = {cells[1].strip(): cells[2].strip() for cells in (line.split("│") for line in said.splitlines()) if len(cells) == 4}
    assert rows == {"root": "1", "layer": "1", "image": "2", "program": "3", "blob": "7", "sources": "2", "models": "1", "schemas": "1"}
    assert (tmp_path / "a.bundle.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----\n")
    assert (here.cache / "bundle-keys" / "bundle.key").stat().st_mode & 0o077 == 0


def test_export_with_a_key_of_the_team_and_import_with_its_public_half(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = new_signer(tmp_path)
    made = json.loads(run("local", "bundle", "export", str(tmp_path / "a.bundle"), "--key", str(signer.path), "--json"))
    assert (made["address"], Path(made["public_key"]).read_text()) == (bundle_name(here.checkout)[9:25], signer.public_pem())
    there = make_place(tmp_path / "there", monkeypatch)
    monkeypatch.chdir(there.checkout.root)
    brought = json.loads(run("local", "bundle", "import", str(tmp_path / "a.bundle"), "--bundle-key", str(tmp_path / "team.pub"), "--json"))
    assert (brought["written"]["program"], brought["lacking"]) == (3, [])


def test_import_tells_what_it_wrote_and_what_is_left(there: Place, tmp_path: Path) -> None:
    (there.checkout.root / "clusters/embedded/demo/training/train.py").write_text("seed = 2")
    said = run("local", "bundle", "import", str(tmp_path / "a.bundle"), "--bundle-key", str(tmp_path / "a.bundle.pub"))
    assert re.search(r"a\.bundle: 17 pieces written, 0 MB in \d+ s; 0 were there, 1 are not of this tree\.", said)
    assert re.search(r"Left to be built here: 1: models [0-9a-f]{16}\.", said)


def test_up_takes_the_bundle_before_anything_else(there: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[list[str]] = []

    def bring_up(*_: object, **__: object) -> None:
        left.append(lacking(there))
        raise MachineError("brought up")

    monkeypatch.setattr(lifecycle, "refuse_unfit_machine", lambda **_: [])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(lifecycle, "bring_up", bring_up)
    with pytest.raises(MachineError, match="brought up"):
        run("up", "--bundle", str(tmp_path / "a.bundle"), "--bundle-key", str(tmp_path / "a.bundle.pub"))
    assert left == [[]]
    (tmp_path / "a.bundle").write_text("not a bundle")
    with pytest.raises(BundleError, match="is no bundle, or damaged"):
        run("up", "--bundle", str(tmp_path / "a.bundle"), "--bundle-key", str(tmp_path / "a.bundle.pub"))
    assert len(left) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bundle", "a.bundle", "--without-regions"], r"--without-regions builds nothing that a bundle has; leave one of the two out"),
        (["--bundle-key", "team.pub"], r"--bundle-key says whose bundle to trust; name the bundle with --bundle"),
    ],
    ids=["without regions", "key without a bundle"],
)
def test_options_that_make_no_sense_together_are_refused(here: Place, arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run("up", *arguments)
    assert here.asked == set()


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        ([], ".venv/bin/tidegate up"),
        (
            ["BUNDLE=https://store.example.com/a.bundle?x=1&y=2"],
            ".venv/bin/tidegate up --bundle 'https://store.example.com/a.bundle?x=1&y=2'",
        ),
        (["BUNDLE=a.bundle", "BUNDLE_KEY=team.pub"], ".venv/bin/tidegate up --bundle 'a.bundle' --bundle-key 'team.pub'"),
    ],
    ids=["without", "address", "file and key"],
)
def test_make_hands_the_bundle_on(variables: list[str], command: str) -> None:
    printed = tools.run(["make", "--no-print-directory", "--dry-run", "up", *variables], cwd=ROOT).stdout.splitlines()
    assert printed[-1].rstrip() == command
