"""Workflows: known commands, least permissions, pins, timeouts, and the checks that a ruleset can rely on."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.ci.commands import problem_of
from tests.docs.tables import table
from tests.root import ROOT
from tidegate import tools
from tidegate.cloud import toolchain
from tidegate.errors import ToolError
from tidegate.gates import jobs as merge_jobs
from tidegate.gates.verdict import Outcome

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, dict[str, Any]] = {
    path.stem: cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8"))) for path in FILES
}
CHANGE = WORKFLOWS["pull-request"]["jobs"]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
JOBS = [pytest.param(name, key, job, id=f"{name}-{key}") for name, workflow in WORKFLOWS.items() for key, job in workflow["jobs"].items()]


def triggers(name: str) -> dict[str, Any]:
    """YAML takes `on` for true."""
    return cast("dict[Any, Any]", WORKFLOWS[name])[True]


def commands_of(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize(("name", "key", "job"), JOBS)
def test_job_runs_known_commands_only(name: str, key: str, job: dict[str, Any]) -> None:
    others = frozenset({"gh"}) if key == "comment" else frozenset[str]()
    assert [f"{line}: {why}" for line in commands_of(job) if (why := problem_of(line, others=others))] == []
    assert all(("run" in step) != ("uses" in step) for step in job["steps"]), name


@pytest.mark.parametrize(("name", "key", "job"), JOBS)
def test_job_has_a_name_an_end_and_permissions_of_its_own(name: str, key: str, job: dict[str, Any]) -> None:
    assert job["name"].lower().replace(" ", "-") == key
    assert 1 <= job["timeout-minutes"] <= 240
    writing = {"comment": {"pull-requests": "write"}, "propose-images": {"contents": "write", "pull-requests": "write"}}
    wanted = writing.get(key, {"contents": "read"})
    assert job["permissions"] == wanted, name


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_grants_nothing_and_runs_once(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"].startswith(name)
    assert "pull_request_target" not in triggers(name)
    assert "secrets." not in json.dumps(workflow)


def test_change_is_judged_in_the_merge_queue_too_and_never_left_out_by_its_paths() -> None:
    """A workflow that paths leave out stays pending for ever, and nothing merges."""
    assert triggers("pull-request") == {"pull_request": {"branches": ["main"]}, "merge_group": None}


def test_actions_are_pinned_to_the_commits_of_the_page() -> None:
    used = {match for path in FILES for match in re.findall(r"uses: (\S+)@([0-9a-f]{40}) # (v\S+)", path.read_text(encoding="utf-8"))}
    assert sum(path.read_text(encoding="utf-8").count("uses:") for path in FILES) == sum(
        "uses" in step for workflow in WORKFLOWS.values() for job in workflow["jobs"].values() for step in job["steps"]
    )
    assert {(action, release, commit) for action, commit, release in used} == {
        (action, release, commit) for action, release, commit in table(PAGE, "| action | release | commit |")
    }
    assert not [step for workflow in WORKFLOWS.values() for job in workflow["jobs"].values() for step in job["steps"]
                if "uses" in step and not re.search(r"@[0-9a-f]{40}$", step["uses"])]  # fmt: skip


def test_checks_are_those_of_the_page() -> None:
    listed = table(PAGE, "| check | where | says | required |")
    assert [row[0] for row in listed] == [job["name"] for job in CHANGE.values()]
    hosted = [job["name"] for job in CHANGE.values() if job["runs-on"] == "ubuntu-24.04"]
    assert [row[0] for row in listed if row[1] == "hosted"] == hosted
    assert [row[0] for row in listed if row[3] == "no"] == ["Comment"]


def test_checks_on_a_region_are_skipped_for_documents_only() -> None:
    on_a_region = [key for key, job in CHANGE.items() if "needs.scope.outputs.region" in str(job.get("if"))]
    assert on_a_region == list(merge_jobs.ON_A_REGION)
    assert [key for key in CHANGE if "if" not in CHANGE[key]] == list(merge_jobs.ALWAYS)


def test_no_machine_of_ours_runs_a_change_of_a_fork() -> None:
    own = "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
    machines = {key: job for key, job in CHANGE.items() if isinstance(job["runs-on"], list)}
    assert {key: job["runs-on"] for key, job in machines.items()} == {key: ["self-hosted", "tidegate-region"] for key in ("tests", "gates")}
    assert all(job["if"].endswith(f"&& ({own})") for job in machines.values())


def test_jobs_behind_one_that_failed_run_all_the_same() -> None:
    """A job that waits for a failed one is skipped, which counts as a success."""
    for key in ("golden-set", "load-test"):
        assert "gates" in CHANGE[key]["needs"]
        assert "!cancelled()" in CHANGE[key]["if"]
    assert CHANGE["merge-ready"]["if"] == "${{ always() }}"
    assert CHANGE["merge-ready"]["needs"] == [*merge_jobs.ALWAYS, *merge_jobs.ON_A_REGION]


def test_who_may_comment_runs_nothing_of_the_change() -> None:
    job = CHANGE["comment"]
    assert [step.get("uses", "").partition("@")[0] for step in job["steps"]] == ["actions/download-artifact", ""]
    assert job["steps"][1]["run"].endswith("--body-file gate/summary.md")
    checkouts = [step for one in CHANGE.values() for step in one["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(CHANGE) - 1
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_hosted_machine_gets_the_go_and_python_that_the_platform_asks_for() -> None:
    set_up = {
        step["uses"].partition("@")[0]: step["with"]
        for step in CHANGE["verify"]["steps"]
        if step.get("uses", "").startswith("actions/setup-")
    }
    (go,) = [one for one in toolchain.REQUIREMENTS if one.program == "go"]
    assert set_up["actions/setup-go"]["go-version"] == ".".join(map(str, go.minimum))
    python = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert python == f">={set_up['actions/setup-python']['python-version']}"


def test_nightly_runs_where_no_change_does() -> None:
    (job,) = WORKFLOWS["nightly"]["jobs"].values()
    assert job["runs-on"] == ["self-hosted", "tidegate-main"]
    assert triggers("nightly").keys() == {"schedule", "workflow_dispatch"}


def test_images_are_published_from_main_only_and_who_holds_the_key_writes_nothing_to_the_repository() -> None:
    assert triggers("images") == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    publish, propose = WORKFLOWS["images"]["jobs"].values()
    assert publish["runs-on"] == ["self-hosted", "tidegate-main"]
    assert '--key "$TIDEGATE_IMAGES_KEY"' in " ".join(commands_of(publish))
    assert (propose["runs-on"], propose["needs"]) == ("ubuntu-24.04", "publish-images")
    assert "KEY" not in " ".join(commands_of(propose))
    tokens = [step["run"] for job in (publish, propose) for step in job["steps"] if "GH_TOKEN" in step.get("env", {})]
    assert tokens == [".venv/bin/tidegate image propose out/images/list.json"]
    kept = [step["with"] for job in (publish, propose) for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert kept == [{"persist-credentials": False}] * 2


def results(region: str, **other: str) -> str:
    given = {
        **dict.fromkeys((*merge_jobs.ALWAYS, *merge_jobs.ON_A_REGION), "success"),
        **{key.replace("_", "-"): what for key, what in other.items()},
    }
    needs = {key: {"result": what, "outputs": {"region": region} if key == "scope" else {}} for key, what in given.items() if what}
    return json.dumps(needs)


SKIPPED = dict.fromkeys(("tests", "gates", "golden_set", "load_test"), "skipped")


@pytest.mark.parametrize(
    ("given", "outcome", "told"),
    [
        (results("true"), Outcome.PASS, "pass: load-test: success"),
        (results("false", **SKIPPED), Outcome.PASS, "pass: tests: skipped: documents only"),
        (results("true", **SKIPPED), Outcome.FAIL, "fail: tests: skipped, though the change needs a region: a change of a fork"),
        (results("true", load_test="failure"), Outcome.FAIL, "fail: load-test: failure"),
        (results("true", gates="cancelled"), Outcome.FAIL, "fail: gates: cancelled"),
        (results("false", verify="failure", **SKIPPED), Outcome.FAIL, "fail: verify: failure"),
        (results("", scope="failure", **SKIPPED), Outcome.FAIL, "fail: scope: failure"),
        (results("maybe"), Outcome.INVALID, "invalid: scope: says 'maybe' where true or false is meant"),
        (results("true", load_test=""), Outcome.INVALID, "invalid: load-test: this check does not wait for it"),
        (results("true", later="success"), Outcome.INVALID, "invalid: later: a job that this check does not know"),
        ("", Outcome.INVALID, "JOBS: is not what GitHub has in `needs`"),
        ("[]", Outcome.INVALID, "JOBS: is not what GitHub has in `needs`"),
    ],
)
def test_merge_is_ready_when_every_job_says_so(given: str, outcome: Outcome, told: str) -> None:
    """By Python alone, without anything installed, as the job runs it."""
    command = [str(Path(sys.executable).resolve()), "-S", "-E", "-m", "tidegate.cli.gates.merge_ready"]
    try:
        said, code = tools.run(command, cwd=ROOT, env={"JOBS": given}).stdout, 0
    except ToolError as error:
        said, code = str(error), error.exit_code
    assert code == outcome.exit_code
    assert told in said
