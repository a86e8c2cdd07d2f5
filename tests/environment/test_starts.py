"""Real starts of the command line in bad environments: one line, the right exit code, and nothing changed. All of them with `TIDEGATE_WHOLE`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.environment.faults import CASES, RENDER, Case
from tests.environment.start import start
from tests.root import ROOT, WHOLE
from tests.scratch_checkout import make_scratch_checkout
from tidegate.embedded import machine_needs

pytestmark = pytest.mark.skipif(
    any(finding.path in {"system", "user", "unshare", "mount"} for finding in machine_needs.lacking()),
    reason="mount namespaces need Linux and root",
)
CHOSEN = [case for case in CASES if case.in_every_run or WHOLE]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout to be copied for each case."""
    return make_scratch_checkout(tmp_path_factory.mktemp("prepared")).root


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.name)
def test_command_in_a_bad_environment(prepared: Path, tmp_path: Path, case: Case) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(prepared, checkout, symlinks=True)
    if case.command == RENDER and case.code:  # so that there is something to render
        for stale in (checkout / "gitops/rendered").rglob("*.yaml"):
            stale.write_bytes(stale.read_bytes() + b"# stale\n")
    ended = start(case, checkout)
    assert ended.code == case.code, ended
    assert "Traceback" not in ended.errors
    if case.says:
        assert case.says in ended.errors
        assert [line for line in ended.errors.splitlines() if case.says in line], ended.errors
    elif not case.redirect and case.code == 0:
        assert "unexpected" not in ended.errors


def test_there_are_sixty_starts_and_ten_of_them_in_every_run() -> None:
    assert len(CASES) >= 60
    assert sum(case.in_every_run for case in CASES) == 10
    assert len({case.name for case in CASES}) == len(CASES)
    assert (ROOT / "Makefile").read_text().count("tests/environment") == 1
