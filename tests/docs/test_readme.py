"""What the documents claim is so: folders, commands, decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from tidegate import tools
from tidegate.cli.main import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", *DECISIONS]


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


def test_make_targets_that_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = {target for document in DOCUMENTS for target in re.findall(r"[`\n]make ([a-z-]+)", document.read_text(encoding="utf-8"))}
    assert {"up", "test", "verify", "render", "bench", "down", "doctor"} <= targets
    assert named
    assert named <= targets


def test_commands_that_documents_and_remedies_name_exist() -> None:
    known: set[str] = set()
    pending = [("", get_command(app))]
    while pending:
        prefix, command = pending.pop()
        known.add(prefix.strip())
        pending += [(f"{prefix} {name}", inner) for name, inner in getattr(command, "commands", {}).items()]
    sources = [*DOCUMENTS, *(ROOT / "tidegate").rglob("*.py"), *(ROOT / "clusters").rglob("*.py"), *(ROOT / "infra").rglob("*.py")]
    named = {match.strip() for path in sources for match in re.findall(r"`tidegate((?: [a-z-]+)+)", path.read_text(encoding="utf-8"))}
    assert named
    unknown = {text for text in named if not any(" ".join(text.split()[:length]) in known - {""} for length in (1, 2))}
    assert not unknown


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
