"""Programs are built once, found again by what they were made of, and never half."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tidegate.embedded.builds.scratch_builds import (
    edit,
    left_in_cache,
    make_checkout,
    quietly,
    said_by,
    stand_in_for_go,
)
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cli.local import local
from tidegate.embedded.builds import go_programs
from tidegate.errors import InventoryError, ToolError, UsageError


def test_program_is_built_once_and_found_again_without_a_build(checkout: Checkout, go_calls: Callable[[], list[str]]) -> None:
    told: list[tuple[str, str]] = []

    def on_progress(program: str, happened: str) -> None:
        told.append((program, happened))

    first = go_programs.build(checkout, on_progress)
    assert {name: said_by(path) for name, path in first.items()} == {"greeter": "hello.", "shouter": "hello!"}
    assert [one for one in told if "building" in one[1]] == [("greeter", "building (1 of 2)"), ("shouter", "building (2 of 2)")]
    assert go_calls() == ["version", "build", "build"]
    told.clear()
    assert go_programs.build(checkout, on_progress) == first
    assert go_calls() == ["version", "build", "build", "version"]
    assert told == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("programs.yaml", "main.greeting: hello", "main.greeting: goodbye", "goodbye."),
        ("programs.yaml", "package: .\n      - name: shouter", "package: .\n        tags: [loud]\n      - name: shouter", "hello!"),
        ("greetings/quiet.go", '"."', '";"', "hello;"),
        ("greetings/go.mod", "go 1.24", "go 1.25", "hello."),
    ],
    ids=["variable", "tag", "source", "module"],
)
def test_change_is_another_program_and_the_first_stays(checkout: Checkout, file: str, old: str, new: str, said: str) -> None:
    before = go_programs.build(checkout, quietly, ["greeter"])["greeter"]
    edit(checkout, file, old, new)
    after = go_programs.build(checkout, quietly, ["greeter"])["greeter"]
    assert after != before
    assert said_by(after) == said
    edit(checkout, file, new, old)
    assert [(one.path, one.seconds) for one in go_programs.build_programs(checkout, quietly, ["greeter"])] == [(before, None)]


def test_other_go_release_is_another_program(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = go_programs.build(checkout, quietly, ["greeter"])["greeter"]
    stand_in_for_go(tmp_path, monkeypatch, '[ "$1" = version ] && echo go version go1.99.9 linux/amd64 && exit')
    assert go_programs.build(checkout, quietly, ["greeter"])["greeter"] != before


def test_same_source_elsewhere_is_found_and_would_be_the_same_bytes(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_checkout(tmp_path / "elsewhere" / "deeper")
    here = go_programs.build(checkout, quietly)
    assert go_programs.build(other, quietly) == here
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other-cache"))
    there = go_programs.build(other, quietly)
    assert there != here
    assert {name: path.read_bytes() for name, path in there.items()} == {name: path.read_bytes() for name, path in here.items()}


def test_own_go_settings_change_nothing(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = go_programs.build(checkout, quietly, ["greeter"])["greeter"]
    content = plain.read_bytes()
    plain.unlink()
    for name, value in {"GOFLAGS": "-tags=loud -mod=mod", "CGO_ENABLED": "1", "GOAMD64": "v3"}.items():
        monkeypatch.setenv(name, value)
    assert go_programs.build(checkout, quietly, ["greeter"])["greeter"] == plain
    assert plain.read_bytes() == content


def test_only_the_named_programs_are_built(checkout: Checkout) -> None:
    (program,) = go_programs.build_programs(checkout, quietly, ["shouter"])
    assert (program.name, program.release, program.size_bytes) == ("shouter", "1.2.4", program.path.stat().st_size)
    assert program.seconds


def test_unknown_name_is_refused_with_those_there_are(checkout: Checkout, go_calls: Callable[[], list[str]]) -> None:
    with pytest.raises(UsageError, match=r"^no program 'greter', 'waver'; there are greeter, shouter$"):
        go_programs.build(checkout, quietly, ["waver", "greeter", "greter"])
    assert go_calls() == []


def test_broken_source_shows_the_compilers_line_and_leaves_nothing(checkout: Checkout) -> None:
    edit(checkout, "greetings/main.go", "greeting + mark", "greting + mark")
    with pytest.raises(ToolError, match=r"\./main\.go:7:37: undefined: greting"):
        go_programs.build(checkout, quietly, ["greeter"])
    assert left_in_cache() == {".lock"}
    edit(checkout, "greetings/main.go", "greting + mark", "greeting + mark")
    assert said_by(go_programs.build(checkout, quietly, ["greeter"])["greeter"]) == "hello."


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("name: shouter", "name: greeter", "families = greeter: two binaries share a name; rename one [build-name-twice]"),
        ("main.greeting: hello", 'main.greeting: "hello you"', "is not of the expected form"),
        ("tags: [loud]", "tag: [loud]", "families[0].binaries[1].tag: no such key; write tags [key-unknown]"),
    ],
    ids=["name-twice", "text-with-a-space", "unknown-key"],
)
def test_odd_list_is_refused(checkout: Checkout, old: str, new: str, finding: str) -> None:
    edit(checkout, "programs.yaml", old, new)
    with pytest.raises(InventoryError) as refused:
        go_programs.build(checkout, quietly)
    assert finding in str(refused.value)


def test_command_tells_what_was_built_and_what_was_cached(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout.root)
    runner = CliRunner(env={"COLUMNS": "160"})
    assert "1 program," in runner.invoke(local, ["build", "--only", "greeter"]).stdout
    text = runner.invoke(local, ["build"]).stdout
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in text.splitlines() if "│" in line]
    assert rows[0] == ["greeter", "1.2.3", "cached"]
    assert rows[1][:2] == ["shouter", "1.2.4"]
    assert rows[1][2] != "cached"
    answer = json.loads(runner.invoke(local, ["build", "--json"]).stdout)
    assert [(one["name"], one["release"], one["seconds"]) for one in answer["programs"]] == [
        ("greeter", "1.2.3", None),
        ("shouter", "1.2.4", None),
    ]
    assert all(Path(one["path"]).stat().st_size == one["size_bytes"] for one in answer["programs"])


def test_families_with_the_same_kubernetes_libraries_follow_each_other(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of three takes longest, so the third, which shares libraries with it, would begin when the second has ended."""
    folder = checkout.root / go_programs.PROGRAMS_FILE.parent
    families = ""
    for name, libraries in (("first", "0.36.1"), ("second", "0.35.4"), ("third", "0.36.3")):
        (folder / name).mkdir()
        pin = f"replace k8s.io/apimachinery => k8s.io/apimachinery v{libraries}\n"
        (folder / name / "go.mod").write_text(f"module example.org/{name}\n\ngo 1.24\n\n{pin}")
        (folder / name / "main.go").write_text("package main\n\nfunc main() {}\n")
        families += f"  - name: {name}\n    release: 1.2.3\n    binaries:\n      - name: {name}\n        package: .\n"
    (checkout.root / go_programs.PROGRAMS_FILE).write_text(f"families:\n{families}")
    stand_in_for_go(tmp_path, monkeypatch, 'case "$1 $PWD" in "build "*/first) sleep 2 ;; esac')
    told: list[tuple[str, str]] = []
    go_programs.build(checkout, lambda program, happened: told.append((program, happened.split()[0])))
    assert told.index(("second", "built")) < told.index(("first", "built")) < told.index(("third", "building"))


@pytest.mark.parametrize(
    ("go_mod", "libraries"),
    [
        ("require k8s.io/apimachinery v0.36.1 // indirect\n", "0.36"),
        ("require k8s.io/apimachinery v0.35.3\nreplace k8s.io/apimachinery => k8s.io/apimachinery v0.34.5\n", "0.34"),
        ("require k8s.io/api v0.36.1\n", None),
    ],
    ids=["required", "replaced", "none"],
)
def test_kubernetes_libraries_are_those_that_go_builds_with(go_mod: str, libraries: str | None) -> None:
    assert go_programs.kubernetes_libraries(go_mod) == libraries


def test_file_of_ours_is_built_with_a_familys_modules_and_kept_by_its_text(
    checkout: Checkout, go_calls: Callable[[], list[str]], tmp_path: Path
) -> None:
    source = tmp_path / "tell_release.go"
    source.write_text("package main\n\nvar greeting string\n\nfunc main() { println(greeting) }\n")
    path = go_programs.build_source(checkout, "greetings", source, quietly)
    assert path.name == "tell-release"
    assert tools.run([str(path)]).stderr.strip() == "hello"
    assert go_programs.build_source(checkout, "greetings", source, quietly) == path
    assert go_calls() == ["version", "build", "version"]
    source.write_text(source.read_text().replace("println(greeting)", 'println("other")'))
    assert go_programs.build_source(checkout, "greetings", source, quietly) != path
    with pytest.raises(UsageError, match=r"no family 'waves' of builds; there are greetings"):
        go_programs.build_source(checkout, "waves", source, quietly)
