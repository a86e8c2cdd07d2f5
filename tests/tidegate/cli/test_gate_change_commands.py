"""`tidegate gate pr`, `show` and `verify`: what they print, keep and end with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.tidegate.repository.merge.bundles import static_result, unjudged, write
from tidegate import checkout, tools
from tidegate.checkout import Checkout
from tidegate.cli.gates import evidence
from tidegate.cli.main import app
from tidegate.errors import BundleError, UsageError
from tidegate.gates.static import Found
from tidegate.signing.evidence import EVIDENCE_KEY
from tidegate.signing.keys import embedded_signer

FOUND = Found(
    source="gitops/tenants/fraud.yaml", path="quota.cpu", rule="quota-below-floors", problem="too low", remedy="raise it", value="1"
)


def gate(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["gate", *map(str, arguments)], catch_exceptions=False)
    return done.exit_code, done.stdout


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A repository with a document and the folders of facts, and a change of the document."""
    made = Checkout(tmp_path / "here")
    for name in ("docs/page.md", "gitops/tenants/README.md", "clusters/inventory/README.md"):
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_text("one\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-qm", "x"]):
        tools.run([*git, *words], cwd=made.root)
    (made.root / "docs/page.md").write_text("two\n")

    @contextmanager
    def nobody(*_arguments: object) -> Generator[None]:
        yield None

    monkeypatch.setattr(checkout, "find_checkout", lambda: made)
    monkeypatch.setattr(evidence, "signer_of", nobody)
    monkeypatch.setattr(os, "sync", lambda: None)
    return made


def test_change_of_documents_passes_without_a_gate_and_says_so(here: Checkout, tmp_path: Path) -> None:
    code, said = gate("pr", "--base", "main", "--out", tmp_path / "kept")
    (bundle,) = (one for one in (tmp_path / "kept").iterdir() if one.is_dir())
    assert (tmp_path / "kept/summary.md").read_text() == (bundle / "summary.md").read_text()
    assert (code, said.splitlines()) == (0, [
        "1 files differ, all of them documents, tests or files of CI: no gate is needed, and no load was sent",
        "judged as they are in the working tree, committed nowhere: docs/page.md; commit them and judge again before merging",
        f"main: pass. The evidence is in {bundle}, not signed: anybody may have written it.",
    ])  # fmt: skip
    code, said = gate("pr", "--base", "main", "--json")
    answer = json.loads(said)
    assert (code, answer["outcome"], answer["gates"], answer["signed_by"]) == (0, "pass", [], "")
    assert Path(answer["bundle"]).parent == here.root / "out/gates"


def test_gates_that_nothing_can_run_block(here: Checkout) -> None:
    (here.root / "pyproject.toml").write_text("")
    code, said = gate("pr", "--base", "main", "--json")
    answer = json.loads(said)
    assert answer["changes"][0]["kind"] == "platform"
    assert {one["gate"]: one["said"] for one in answer["gates"]}["policy"] == "fail"
    assert "add <name>/cluster.yaml" in answer["gates"][0]["reasons"][0]["text"]
    assert {one["said"] for one in answer["gates"][1:]} == {"skipped"}
    assert (code, answer["outcome"]) == (1, "fail")


@pytest.fixture
def bundle(tmp_path: Path, here: Checkout) -> tuple[Path, Path]:
    """A signed bundle and the public key."""
    signer: Any = embedded_signer(EVIDENCE_KEY, here.root / "out/keys")
    public = tmp_path / "gate-evidence.pem"
    public.write_text(signer.public_pem())
    folder, _ = write(tmp_path / "out", static_result("quota", found=(FOUND,)), unjudged("load"), signer=signer)
    return folder, public


def test_show_says_what_is_in_it_and_that_nothing_was_checked(bundle: tuple[Path, Path]) -> None:
    code, said = gate("show", bundle[0])
    assert code == 0
    assert (
        f"{bundle[0].name}: the working tree above 111111111111 against 000000000000, 2026-11-30T12:00:00Z; says to be signed with" in said
    )
    assert "quota: fail\n  fail: gitops/tenants/fraud.yaml: quota.cpu = 1: too low; raise it [quota-below-floors]\n" in said
    assert "load scoring/batch: not-executed\n" in said
    assert said.endswith("fail; nothing of this was checked, which `tidegate gate verify` does.\n")
    assert json.loads(gate("show", bundle[0], "--json")[1])["manifest"]["outcome"] == "fail"


def test_verify_ends_with_the_code_of_the_verdicts(bundle: tuple[Path, Path]) -> None:
    code, said = gate("verify", bundle[0], "--key", bundle[1])
    assert (code, said) == (
        1,
        "quota: fail\nload scoring/batch: not-executed\nfail: every verdict follows from its samples; signed with gate-evidence.\n",
    )
    (bundle[0] / "quota/verdict.json").unlink()
    code, said = gate("verify", bundle[0], "--key", bundle[1])
    assert code == 4
    assert said == (
        "quota: fail\nload scoring/batch: not-executed\nProblem: quota/verdict.json: is missing; fetch the bundle again, or judge again\n"
        "invalid: problems: 1, so it proves nothing.\n"
    )


def test_verify_trusts_the_committed_key_and_no_other(bundle: tuple[Path, Path], here: Checkout) -> None:
    keys = here.root / "gitops/catalogue/keys"
    keys.mkdir(parents=True)
    (keys / "gate-evidence.pem").write_text(bundle[1].read_text())
    assert gate("verify", bundle[0])[0] == 1
    other: Any = embedded_signer("other", here.root / "keys")
    (keys / "gate-evidence.pem").write_text(other.public_pem())
    code, said = gate("verify", bundle[0], "--json")
    assert code == 4
    assert json.loads(said)["problems"] == ["signature.json: the signature of signature.json does not hold: other content, or another key"]


@pytest.mark.usefixtures("here")
def test_unsigned_bundle_is_taken_on_request(tmp_path: Path) -> None:
    folder, _ = write(tmp_path / "out", static_result())
    assert gate("verify", folder)[0] == 4
    code, said = gate("verify", folder, "--unsigned")
    assert (code, said.splitlines()[-1]) == (0, "pass: every verdict follows from its samples; not signed.")


def test_verify_ends_with_the_outcome_of_one_gate(bundle: tuple[Path, Path]) -> None:
    folder, key = bundle[0].parent, bundle[1]
    for name, outcome, expected in (("quota", "fail", 1), ("load", "inconclusive", 3), ("golden-set", "pass", 0)):
        code, said = gate("verify", folder, "--key", key, "--gate", name)
        assert code == expected
        assert said.splitlines()[-1].startswith(f"{name}: {outcome}")
    assert said.endswith("golden-set: pass: the change does not need it\n")
    (bundle[0] / "quota/verdict.json").unlink()
    assert gate("verify", folder, "--key", key, "--gate", "golden-set")[0] == 4


def test_folder_of_several_bundles_and_an_unknown_gate_are_refused(bundle: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="--gate speed is no gate; write one of policy, isolation, "):
        gate("verify", bundle[0], "--gate", "speed")
    shutil.copytree(bundle[0], bundle[0].with_name("another"))
    with pytest.raises(BundleError, match="holds 2 bundles; name one of them: "):
        gate("verify", bundle[0].parent)
