"""Each linter takes our workflows and refuses one that is bad in its own way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ci import lint
from tests.ci.test_workflows import FILES
from tidegate.errors import ToolError

GOOD = FILES[-1].read_text(encoding="utf-8")
JOB = "    runs-on: ubuntu-24.04\n"


@pytest.mark.parametrize("linter", lint.LINTERS)
def test_our_workflows_are_taken(linter: str) -> None:
    assert len(FILES) >= 2
    lint.LINTERS[linter](FILES)


@pytest.mark.parametrize(
    ("linter", "old", "new", "told"),
    [
        pytest.param("actionlint", "needs: scope", "needs: scoop", 'needs job "scoop" which does not exist', id="unknown-job"),
        pytest.param("actionlint", "tidegate-region", "tidegate-regions", 'label "tidegate-regions" is unknown', id="unknown-label"),
        pytest.param("actionlint", "outputs.region", "outputs.regoin", 'property "regoin" is not defined', id="unknown-output"),
        pytest.param("actionlint", "timeout-minutes: 15", "timeout-minutes: soon", "timeout-minutes", id="no-number"),
        pytest.param("zizmor", 'run: make validate', 'run: make validate TITLE="${{ github.event.pull_request.title }}"', "template-injection", id="injection"),
        pytest.param("zizmor", "  pull_request:", "  pull_request_target:", "dangerous-triggers", id="runs-forks-with-secrets"),
        pytest.param("zizmor", "permissions: {}", "permissions: write-all", "excessive-permissions", id="all-permissions"),
        pytest.param("zizmor", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses", id="no-pin"),
        pytest.param("zizmor", "fetch-depth: 0\n          persist-credentials: false", "fetch-depth: 0", "artipacked", id="kept-credentials"),
    ],
)  # fmt: skip
def test_bad_workflow_is_refused(tmp_path: Path, linter: str, old: str, new: str, told: str) -> None:
    path = tmp_path / ".github" / "workflows" / "bad.yml"
    path.parent.mkdir(parents=True)
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ToolError) as refused:
        lint.LINTERS[linter]([path])
    assert told in str(refused.value)


def test_verify_runs_both_and_tells_what_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint.main() == 0
    (tmp_path / "bad.yml").write_text(GOOD.replace("needs: scope", "needs: scoop").replace("permissions: {}", "permissions: write-all"))
    monkeypatch.setattr(lint, "WORKFLOWS", tmp_path)
    assert lint.main() == 1
    said = capsys.readouterr().err
    assert "actionlint: " in said
    assert "zizmor: " in said
