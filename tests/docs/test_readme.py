"""What the documents claim is so: folders, commands, paths, decisions, and the tables about the embedded region."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from clusters.addons.add_on import AddOn, ChartRelease, ClusterAddOn, HelmChart, Kustomization
from clusters.addons.listing import ADD_ONS
from tests.docs.tables import table
from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cli.main import app
from tidegate.cloud import toolchain
from tidegate.embedded import lifecycle, machine_needs
from tidegate.embedded.fleet.region import read_addresses
from tidegate.embedded.machines.facts import SupervisedPrograms
from tidegate.facts import inventory
from tidegate.facts.embedded import Sizes
from tidegate.facts.inventory.read import read_fact
from tidegate.live.states import SCHEDULED_ONLY, is_executed

README = (ROOT / "README.md").read_text(encoding="utf-8")
START = (ROOT / "docs" / "first-start.md").read_text(encoding="utf-8")
EMBEDDED = (ROOT / "docs" / "embedded-region.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *DECISIONS,
]


def committed() -> list[str]:
    return tools.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT).stdout.splitlines()


def test_folder_table_is_what_is_on_disk() -> None:
    described = set(re.findall(r"^\| `([a-z_]+)/` \|", README, re.MULTILINE))
    on_disk = {path.split("/", 1)[0] for path in committed() if "/" in path and not path.startswith(".")}
    assert described == on_disk


def test_every_folder_says_what_is_not_there() -> None:
    rows = re.findall(r"^\| `[a-z_]+/` \| (.+) \| (.+) \|$", README, re.MULTILINE)
    assert rows
    assert all(here.strip() and not_here.strip() for here, not_here in rows)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_paths_that_documents_name_exist(document: Path) -> None:
    folders = "|".join(re.findall(r"^\| `([a-z_]+)/` \|", README, re.MULTILINE))
    text = document.read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{folders})/[^`\s<>*]*)`", text)
    linked = re.findall(r"\]\(([^):#]+)[^):]*\)", text)
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]
    assert not [path for path in sorted(linked) if not (document.parent / path).exists()]


def test_make_targets_that_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    named = {target for document in DOCUMENTS for target in re.findall(r"[`\n]make ([a-z0-9-]+)", document.read_text(encoding="utf-8"))}
    assert {"up", "test", "verify", "render", "bench", "down", "doctor"} <= targets
    assert named
    assert named <= targets


def test_hooks_before_a_commit_are_make_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    entries = re.findall(r"^ +entry: (.+)$", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert entries
    assert [entry for entry in entries if not re.search(rf"^{entry.removeprefix('make ')}:", makefile, re.MULTILINE)] == []


def unknown_word(line: str) -> str:
    """The first command or option of `tidegate <line>` that the command line does not have; empty when it has all."""
    command: Any = get_command(app)
    for word in line.split():
        if word == "--":  # what follows is somebody else's command
            break
        if word.startswith("-"):
            if word.partition("=")[0] not in {option for parameter in command.params for option in parameter.opts}:
                return word
        elif inner := getattr(command, "commands", None):
            if word not in inner:
                return word
            command = inner[word]
    return ""


def command_lines() -> Iterator[tuple[str, str]]:
    """Each `tidegate ...` in code of a document, or in ticks in a program, with the file it is in."""
    words = r"tidegate((?: [^\s`)#|]+)+)"
    for path in DOCUMENTS:
        yield from ((path.name, line) for line in re.findall(rf"(?:`|\$\(|^){words}", path.read_text(encoding="utf-8"), re.MULTILINE))
    for folder in ("tidegate", "clusters", "infra"):
        for path in (ROOT / folder).rglob("*.py"):
            yield from ((path.name, line) for line in re.findall(rf"`{words}", path.read_text(encoding="utf-8")))


def test_commands_that_documents_and_remedies_name_exist() -> None:
    named = set(command_lines())
    assert {"README.md", "embedded-region.md", "causes.py"} <= {file for file, _ in named}
    assert not [f"{file}: tidegate{line}: {word}" for file, line in sorted(named) if (word := unknown_word(line))]


def test_programs_whose_logs_documents_name_are_kept_by_their_machine() -> None:
    regions = read_fact(ROOT, Path("clusters/embedded/node/programs.yaml"), SupervisedPrograms).programs.keys()
    internet = read_fact(ROOT, Path("clusters/embedded/network/internet.yaml"), SupervisedPrograms).programs.keys()
    kept = {"live-1": regions, "live-2": regions, "internet": internet, "host": {"relay-s3"}}
    named = {tuple(match) for _, line in command_lines() for match in re.findall(r"^ local logs ([a-z0-9-]+)/([a-z0-9-]+)$", line)}
    assert named
    assert not [pair for pair in named if pair[1] not in {*kept[pair[0]], "machine"}]


def test_page_says_what_is_real_and_what_is_simulated() -> None:
    real, _, simulated = " ".join(START.split()).partition("**Real:**")[2].partition("**Simulated:**")
    assert [one for one in (*lifecycle.REAL, *lifecycle.REAL_IN_REGIONS) if one not in real] == []
    assert [one for one in (*lifecycle.SIMULATED, *lifecycle.SIMULATED_IN_REGIONS) if one not in simulated] == []


def test_page_names_what_is_needed_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(_program: str) -> None: ...

    monkeypatch.setattr(tools, "find", find_nothing)
    packages = re.findall(r"install the package (\S+)", "\n".join(finding.remedy for finding in machine_needs.lacking()))
    assert [package for package in packages if f"`{package}`" not in START] == []
    versions = re.findall(r"(?:Terraform|Go|Node\.js) [0-9.]+[0-9]", START)
    remedies = " ".join(requirement.remedy for requirement in toolchain.REQUIREMENTS)
    assert len(versions) == 3
    assert [version for version in versions if version not in remedies] == []


def test_addresses_are_those_of_the_machines() -> None:
    addresses = read_addresses(Checkout(ROOT))
    expected = [[name, region.node, region.pods, region.services, region.pretended_pods] for name, region in addresses.regions.items()]
    assert table(EMBEDDED, "| region | node | pods | services | pods on KWOK nodes |") == expected
    assert f"`internet` is {addresses.internet}," in EMBEDDED


def sources(add_on: AddOn) -> tuple[str, str]:
    release = add_on.production
    production = "chart" if isinstance(release, ChartRelease) else "EKS add-on" if isinstance(release, ClusterAddOn) else "branch add-ons"
    match add_on.embedded[:1]:
        case (HelmChart(),):
            return production, "chart in the module"
        case (Kustomization(),):
            return production, "kustomization in the module"
        case ():
            return production, "our own objects"
        case _:
            return production, "files of the module"


def test_add_ons_are_listed_with_wave_and_sources() -> None:
    rows = table(EMBEDDED, "| wave | add-on | in production | here |")
    assert [row[:2] for row in rows] == [[str(add_on.wave), add_on.name] for add_on in ADD_ONS]
    for add_on, (_, _, production, here) in zip(ADD_ONS, rows, strict=True):
        expected = sources(add_on)
        assert (production.startswith(expected[0]), here.startswith(expected[1])) == (True, True), add_on.name


def test_models_are_listed_with_how_they_run() -> None:
    tenants = inventory.load(ROOT).tenants
    models = {f"{tenant.name}/{name}": model for tenant in tenants.values() for name, model in tenant.models.items()}
    rows = dict(table(EMBEDDED, "| model | runs here as |"))
    assert rows.keys() == models.keys()
    for name, model in models.items():
        assert (rows[name] == SCHEDULED_ONLY) is not is_executed(model), name
        if model.accelerator and model.also_on_cpu:
            assert rows[name].endswith(f"CPU instead of {model.accelerator.accelerator}")


def test_sizes_are_those_of_the_embedding() -> None:
    sizes, facts = Sizes(), dict(row[:2] for row in table(EMBEDDED, "| fact | here | why |"))
    assert facts["edge"].startswith(f"{sizes.edge_replicas} proxy,")
    assert facts["floor of a model or companion"] == f"at most {sizes.floor_at_most} replica"
    assert facts["ceiling"] == f"at most {sizes.replicas_at_most} replicas"
    assert facts["idle time before zero"] == f"at most {sizes.idle_seconds_at_most} seconds"
    promised = f"cores promised {sizes.overcommit.cpu:g} times over, memory {sizes.overcommit.memory:g} times"
    assert facts["requests"].startswith(promised)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decision_is_named_by_its_title_and_has_all_parts(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    number, title = lines[0].removeprefix("# ").split(": ", 1)
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    assert path.stem == f"{number}-{slug}"
    assert re.fullmatch(r"Status: (accepted|superseded by [0-9]{4}), [0-9]{4}-[0-9]{2}-[0-9]{2}", lines[2])
    assert [line for line in lines if line.startswith("## ")] == ["## Why a decision", "## Decision", "## What follows"]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_decisions_that_texts_refer_to_exist() -> None:
    texts = [path for path in committed() if path.endswith((".py", ".md", ".toml")) and not path.startswith("tests/docs/")]
    known = {path.name[:4] for path in DECISIONS}
    named = {number for path in texts for number in re.findall(r"[Dd]ecision ([0-9]{4})", (ROOT / path).read_text(encoding="utf-8"))}
    assert named
    assert named <= known
