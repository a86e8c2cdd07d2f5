"""The Jenkinsfile does what the workflows do, by the same commands."""

from __future__ import annotations

import re

import pytest

from tests.ci.commands import problem_of
from tests.ci.jenkinsfile import JENKINSFILE, Call, GroovyError, parse
from tests.ci.test_workflows import WORKFLOWS, commands_of
from tests.root import ROOT

TEXT = JENKINSFILE.read_text(encoding="utf-8")
PIPELINE = parse(TEXT)
STAGES = {stage.arguments[0]: stage for stage in PIPELINE.block("stages").body}
MINUTES = {"MINUTES": 1, "HOURS": 60}
ON_MAIN = {"Publish images", "Propose images", "Nightly"}


def shells(call: Call) -> list[str]:
    return [one.arguments[0] for one in call.all("sh")]


def minutes(call: Call) -> int:
    timeout = call.block("options").block("timeout").named
    return int(timeout["time"]) * MINUTES[timeout["unit"]]


def test_every_shell_is_one_known_command() -> None:
    found = [line for stage in STAGES.values() for line in shells(stage)]
    assert len(found) > 12
    assert found == shells(PIPELINE)
    assert len(re.findall(r"\bsh\b *[('\"]", TEXT)) == len(found)
    assert [f"{line}: {why}" for line in found if (why := problem_of(line))] == []


def test_stages_are_the_jobs_of_the_workflows() -> None:
    """What GitHub needs beside it: one check for all, and a comment."""
    jobs = {str(job["name"]): job for workflow in WORKFLOWS.values() for job in workflow["jobs"].values()}
    assert set(STAGES) <= set(jobs)
    assert set(jobs) - set(STAGES) == {"Merge ready", "Comment"}
    for name, stage in STAGES.items():
        alike = [line.replace('"origin/$CHANGE_TARGET"', '"$BASE"').replace("out/scope", '"$GITHUB_OUTPUT"') for line in shells(stage)]
        assert sorted(alike) == sorted(commands_of(jobs[name])), name
        assert minutes(stage) == jobs[name]["timeout-minutes"], name
        label = stage.block("agent").body[0].arguments[0]
        assert label == (jobs[name]["runs-on"][1] if isinstance(jobs[name]["runs-on"], list) else "linux"), name


def test_whole_run_and_every_stage_end_in_time() -> None:
    for chosen in (set(STAGES) - ON_MAIN, ON_MAIN - {"Nightly"}, {"Nightly"}):
        assert minutes(PIPELINE) >= sum(minutes(STAGES[name]) for name in chosen)
    assert PIPELINE.block("agent").arguments == ("none",)


def test_stage_is_judged_before_it_takes_a_machine() -> None:
    for stage in STAGES.values():
        assert stage.block("when").body[0] == Call("beforeAgent", ("true",))


def test_region_is_needed_when_the_scope_says_so() -> None:
    on_a_region = {name for name, stage in STAGES.items() if any(one.name == "environment" for one in stage.block("when").body)}
    assert on_a_region == {"Tests", "Gates", "Golden set", "Load test"}
    assert {stage.block("when").block("environment").named["value"] for name, stage in STAGES.items() if name in on_a_region} == {
        "region=true"
    }


def test_main_and_changes_share_no_machine() -> None:
    labels = {name: stage.block("agent").body[0].arguments[0] for name, stage in STAGES.items()}
    assert {name for name, label in labels.items() if label == "tidegate-main"} == {"Nightly", "Publish images"}
    for name, stage in STAGES.items():
        when = stage.block("when")
        assert [one.arguments for one in when.body if one.name == "branch"] == ([("main",)] if name in ON_MAIN else []), name
        assert any(one.name == "changeRequest" for one in when.body) == (name not in ON_MAIN), name


def test_each_run_of_main_is_the_nights_or_a_pushs() -> None:
    timers = {name: [one.name for one in STAGES[name].block("when").body if one.name in {"not", "triggeredBy"}] for name in ON_MAIN}
    assert timers == {"Nightly": ["triggeredBy"], "Publish images": ["not"], "Propose images": ["not"]}


def test_only_who_proposes_may_write_to_the_repository() -> None:
    assert [name for name, stage in STAGES.items() if list(stage.all("withCredentials"))] == ["Propose images"]
    assert TEXT.count("credentialsId") == 1


def test_platform_is_taken_down_however_a_stage_ends() -> None:
    assert {name for name, stage in STAGES.items() if any("make down" in shells(post) for post in stage.all("post"))} == {
        "Tests",
        "Gates",
        "Nightly",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pipeline { stages { stage('a') { steps { sh('x') } } }", "not taken at line 1"),
        ("node { sh('x') }", "not one pipeline"),
        (TEXT.replace("timeout(time: 6,", "timeout(time: 6"), "not taken at line"),
    ],
)
def test_what_is_no_pipeline_is_refused(text: str, why: str) -> None:
    with pytest.raises(GroovyError, match=why):
        parse(text)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("make verify && make test", "more than one command"),
        ("make nothing", "no target nothing"),
        ("make up test", "one target a step"),
        (".venv/bin/tidegate gate judge", "no command judge"),
        (".venv/bin/tidegate gate scope --bose x", "no option --bose"),
        (".venv/bin/tidegate gate", "a group of commands"),
        ("curl example.com", "curl is neither make nor"),
        ('make test TITLE="${{ github.event.pull_request.title }}"', "more than one command, or a text that is filled in"),
    ],
)
def test_command_that_is_none_of_ours_is_refused(line: str, why: str) -> None:
    assert problem_of(line).startswith(why)


def test_it_lies_where_jenkins_looks() -> None:
    assert (ROOT / "Jenkinsfile").is_file()
