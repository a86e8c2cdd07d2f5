"""What a person sees of the embedded region's machines and models, also when there are none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.cli.screen import Screen
from tidegate.cli.serving import show_diagnosis
from tidegate.errors import ToolError
from tidegate.live.diagnosis import Diagnosis, Step

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own where nothing has ever run."""
    for folder in ("clusters", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cdktf.json", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def logs(checkout: Path) -> Path:
    """The logs of a machine."""
    folder = checkout / "out/embedded/machines/live-1/log"
    folder.mkdir(parents=True)
    (folder / "etcd.log").write_text("".join(f"line {number}\n" for number in range(200)))
    return folder


def refusal(checkout: Path, *arguments: str) -> ToolError:
    with pytest.raises(ToolError) as caught:
        tools.run([TIDEGATE, *arguments], cwd=checkout)
    return caught.value


def test_machines_that_do_not_run_are_listed_as_stopped(checkout: Path) -> None:
    found = json.loads(tools.run([TIDEGATE, "local", "ps", "--json"], cwd=checkout).stdout)
    assert [(one["name"], one["running"], one["programs"]) for one in found["machines"]] == [
        (name, False, []) for name in ("internet", "host", "live-1", "live-2")
    ]
    assert found["addresses"] == {}, "nothing listens yet"


@pytest.mark.usefixtures("logs")
def test_logs_end_with_the_lines_asked_for(checkout: Path) -> None:
    printed = tools.run([TIDEGATE, "local", "logs", "live-1/etcd", "--lines", "2"], cwd=checkout).stdout
    assert printed == "line 198\nline 199\n"
    assert len(tools.run([TIDEGATE, "local", "logs", "live-1/etcd"], cwd=checkout).stdout.splitlines()) == 100


def test_followed_log_goes_on_with_what_is_written(checkout: Path, logs: Path) -> None:
    seen: list[str] = []

    def on_line(line: str) -> None:
        seen.append(line)
        if line == "line 199":
            with (logs / "etcd.log").open("a") as file:
                file.write("written meanwhile\n")
        else:
            tools.interrupt_streams()

    with pytest.raises(ToolError):
        tools.stream([TIDEGATE, "local", "logs", "live-1/etcd", "--lines", "1", "--follow"], on_line, cwd=checkout)
    assert seen == ["line 199", "written meanwhile"]


@pytest.mark.usefixtures("logs")
def test_unknown_log_is_refused_with_those_there_are(checkout: Path) -> None:
    error = refusal(checkout, "local", "logs", "live-1/etdc")
    assert (error.exit_code, error.stderr) == (2, "no log 'live-1/etdc'; there are live-1/etcd\n")


def test_shell_in_a_machine_that_does_not_run_is_refused(checkout: Path) -> None:
    error = refusal(checkout, "local", "shell", "live-1", "--", "ps", "-e")
    assert (error.exit_code, error.stderr.split(";")[0]) == (1, "machine live-1 does not run")


@pytest.mark.usefixtures("logs")
def test_kubeconfig_is_a_path_for_a_variable(checkout: Path) -> None:
    path = checkout / "out/embedded/live-2.kubeconfig"
    path.write_text("clusters: []\nusers: []\ncontexts: []\n")
    assert tools.run([TIDEGATE, "local", "kubeconfig"], cwd=checkout).stdout == f"{path}\n"
    assert tools.run([TIDEGATE, "local", "kubeconfig", "--merge"], cwd=checkout).stdout.endswith("current-context: live-2\n")
    assert refusal(checkout, "local", "kubeconfig", "--merge", "live-2").exit_code == 2
    assert refusal(checkout, "local", "kubeconfig", "live-1").stderr.startswith("live-1 has no kubeconfig yet")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "text"),
    [
        (["fraud/scorer"], 1, "the embedded platform does not run; bring it up with `tidegate up`"),
        (["scoring/batch", "--sample"], 1, "scoring/batch is scheduled, not executed: it needs nvidia-a10g"),
        (["fraud/none"], 2, "no served model 'fraud/none'; there are assistant/chat"),
        (["fraud/scorer", "--sample", "--data", "pyproject.toml"], 2, "--sample and --data are two requests; give one"),
    ],
    ids=["down", "gpu-only", "unknown", "two-requests"],
)
def test_prediction_that_cannot_be_made_is_refused(checkout: Path, arguments: list[str], exit_code: int, text: str) -> None:
    error = refusal(checkout, "predict", *arguments)
    assert (error.exit_code, error.stderr.startswith(text)) == (exit_code, True), error.stderr


def test_explanation_where_no_region_runs_is_that_of_the_files(checkout: Path) -> None:
    rows = json.loads(tools.run([TIDEGATE, "model", "explain", "fraud/scorer", "--json"], cwd=checkout).stdout)
    assert rows
    assert not [row for row in rows if ".live." in row["path"]]


def test_diagnosis_ends_with_cause_and_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    found = Diagnosis(False, (Step("Revision x", "not ready", "no image"),), "image cannot be resolved", "push it")
    show_diagnosis(Screen(), "live-1", found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "In live-1"
    assert lines[-1] == "cause: image cannot be resolved; next: push it"
    assert any("Revision x" in line and "not ready" in line and "no image" in line for line in lines)
