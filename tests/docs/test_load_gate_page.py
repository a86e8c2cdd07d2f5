"""What docs/load-gate.md says about verdicts, limits, shapes and options is what the programs do."""

from __future__ import annotations

import ast
import re
from typing import get_args

from loadtests import gates
from loadtests.arguments import ARGUMENTS
from loadtests.plan import PATHS
from loadtests.shapes import Arrivals
from tests.docs.test_readme import table
from tests.root import ROOT
from tidegate.gates.bounds import CONFIDENCE
from tidegate.gates.verdict import Outcome

PAGE = (ROOT / "docs" / "load-gate.md").read_text(encoding="utf-8")
PLAIN = " ".join(PAGE.split())


def test_verdicts_are_listed_with_their_exit_codes() -> None:
    assert [row[:2] for row in table(PAGE, "| verdict | exit code | it says |")] == [[one.value, str(one.exit_code)] for one in Outcome]


def test_shapes_are_those_of_the_program() -> None:
    listed = [row[0] for row in table(PAGE, "| shape | what arrives |")]
    (union, _) = get_args(Arrivals)
    assert listed == [get_args(shape.model_fields["shape"].annotation)[0] for shape in get_args(union)]


def test_numbers_are_those_of_the_program() -> None:
    assert f"At least {gates.requests_needed()} requests are needed" in PLAIN
    assert f"more than {gates.LAG_SHARE_MAX * 100:.0f} % of the limit (p99), or reached less than {gates.ACHIEVED_MIN * 100:.0f} %" in PLAIN
    assert f"({', '.join(one.removeprefix('status ') for one in gates.REFUSALS)})" in PLAIN
    assert f"proved at {CONFIDENCE * 100:.0f} %" in PLAIN


def test_options_of_the_page_are_taken() -> None:
    """Those of `tidegate gate load` are looked at where those of every command are (`test_readme`)."""
    ours = {one.option for one in ARGUMENTS}
    (snippet,) = re.findall(r"^```sh\n(\.venv-loadtests/bin/locust .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"--[a-z][a-z-]+", snippet)) - {"--host"} <= ours
    assert {one for one in ours if f"`{one}`" not in PAGE and one not in snippet} == set()


def test_users_are_one_for_each_protocol() -> None:
    """Read as text: Locust is not installed where tests run."""
    tree = ast.parse((ROOT / "loadtests" / "users.py").read_text(encoding="utf-8"))
    users = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "InferenceUser" for base in node.bases)
    ]
    assert len(users) == len(PATHS)
    assert [name for name in users if f"`{name}`" not in PAGE] == []
