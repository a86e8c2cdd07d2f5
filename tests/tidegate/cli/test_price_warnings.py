"""Whoever reckons with prices is told that they are old, or of a day to come; nobody is refused for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.scratch_checkout import make_scratch_checkout
from tidegate import tools
from tidegate.errors import ToolError

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")
RECKONING = (["cost", "month"], ["cost", "advise"], ["cost", "simulate"], ["cost", "diff"], ["diff"])
OLD = "Warning: clusters/prices/us-east-1.yaml: published_on = 2020-02-29: is "
FUTURE = "Warning: clusters/prices/services/us-east-1.yaml: disk.seen_on = 2099-01-01: is "


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with an old table of machines and one price from the future."""
    root = make_scratch_checkout(tmp_path_factory.mktemp("old")).root
    machines, services = root / "clusters/prices/us-east-1.yaml", root / "clusters/prices/services/us-east-1.yaml"
    machines.write_text(machines.read_text().replace("2026-07-06", "2020-02-29"))
    head, disk, rest = services.read_text().partition("disk:\n")
    services.write_text(head + disk + rest.replace("2026-11-29", "2099-01-01", 1))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["git", "init", "-q"], ["git", "add", "clusters", "gitops"], [*git, "commit", "-qm", "before"]):
        tools.run(command, cwd=root)
    return root


@pytest.mark.parametrize("command", RECKONING, ids=" ".join)
def test_reckoning_warns_beside_its_answer(root: Path, command: list[str]) -> None:
    done = tools.run([TIDEGATE, *command, "--json"], cwd=root)
    assert json.loads(done.stdout)
    for warning in (OLD, FUTURE):
        assert [line for line in done.stderr.splitlines() if line.startswith(warning)], done.stderr


def test_validate_warns_in_its_answer(root: Path) -> None:
    answer = json.loads(tools.run([TIDEGATE, "validate", "--json"], cwd=root).stdout)
    assert {one["rule"] for one in answer["warnings"]} >= {"prices-old", "prices-from-the-future"}


def test_show_refuses_both(root: Path) -> None:
    with pytest.raises(ToolError) as refused:
        tools.run([TIDEGATE, "cost", "prices", "show"], cwd=root)
    assert refused.value.exit_code == 1
    for warning in (OLD, FUTURE):
        assert warning.removeprefix("Warning: ") in refused.value.stderr
