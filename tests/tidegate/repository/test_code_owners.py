"""CODEOWNERS follows from the facts, byte for byte, and asks whom it should."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from datetime import date
from pathlib import Path

import pytest

from clusters import cluster_tree
from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import Finding, InventoryError, ManifestError, ToolError
from tidegate.facts import inventory
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.tree import emit_tree
from tidegate.repository import rendering
from tidegate.repository.code_owners import CODE_OWNERS, PLATFORM, code_owners, stale_findings, write_code_owners
from tidegate.repository.remove_tenant import remove_tenant

WHOLE = """\
# Rendered from clusters/inventory/platform.yaml and gitops/tenants/*.yaml by `tidegate render`; edit those files.
# The last line that matches a path holds.

* @example-org/platform

/gitops/tenants/credit.yaml @example-org/credit-decisions
/gitops/catalogue/credit.json @example-org/credit-decisions
/gitops/rendered/*/tenants/credit/inferenceservice-*.yaml @example-org/credit-decisions

/gitops/tenants/fraud.yaml @example-org/fraud-platform
/gitops/catalogue/fraud.json @example-org/fraud-platform
/gitops/rendered/*/tenants/fraud/inferenceservice-*.yaml @example-org/fraud-platform
"""
TEAM, OF_PLATFORM = "@example-org/fraud-platform", "@example-org/platform"
STALE = "run `tidegate render` and commit the file [code-owners-stale]"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Two tenants of the committed ones."""
    for folder in ("clusters/inventory", "clusters/prices"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "gitops/tenants").mkdir(parents=True)
    for name in ("credit", "fraud"):
        shutil.copy(ROOT / f"gitops/tenants/{name}.yaml", tmp_path / "gitops/tenants")
    return Checkout(tmp_path)


def version_block(version: int) -> str:
    """The artefact of fraud's model as its file writes it."""
    uri, digest = f"s3://tidegate-models/fraud/scorer/{version}", "355207eb3aaf3230fe627dbb490835c731d5accee3b0abcfd64b22a0d1df033a"
    return f"version: {version}\n      uri: {uri}\n      sha256: {digest}\n      signature:\n        uri: {uri}/model.sig\n"


def text_of(checkout: Checkout) -> str:
    return code_owners(checkout, inventory.load(checkout.root))


def everything_rendered(checkout: Checkout) -> dict[str, bytes]:
    files = emit_tree(cluster_tree.objects(inventory.load(checkout.root)))
    return {CODE_OWNERS.as_posix(): text_of(checkout).encode(), **{f"gitops/rendered/{path}": text for path, text in files.items()}}


def findings(checkout: Checkout) -> list[str]:
    return [str(finding) for finding in stale_findings(checkout, text_of(checkout))]


def owners(text: str, paths: Collection[str], folder: Path) -> set[str]:
    """Who owns any of `paths`: Git itself matches them, because GitHub's patterns are those of .gitignore."""
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert [line[0] for line in lines].index("*") == 0
    folder.mkdir()
    tools.run(["git", "init", "--quiet"], cwd=folder)
    (folder / ".gitignore").write_text("".join(f"{pattern}\n" for pattern, _ in lines[1:]))
    try:
        matched = tools.run(["git", "check-ignore", "--verbose", "--no-index", *paths], cwd=folder).stdout.splitlines()
    except ToolError as error:
        if error.exit_code != 1:
            raise
        matched = []  # by none of the lines
    others = {lines[0][1]} if len(matched) < len(paths) else set[str]()
    return others | {lines[int(one.split(":")[1])][1] for one in matched}


def test_bytes_follow_from_the_facts(checkout: Checkout) -> None:
    write_code_owners(checkout, text_of(checkout))
    assert (checkout.root / CODE_OWNERS).read_bytes() == WHOLE.encode()
    assert findings(checkout) == []


def test_committed_file_is_what_the_facts_render_to() -> None:
    assert [str(one) for one in stale_findings(Checkout(ROOT), text_of(Checkout(ROOT)))] == []


@pytest.mark.parametrize(
    ("path", "team"),
    [
        ("gitops/tenants/fraud.yaml", "@example-org/fraud-platform"),
        ("gitops/catalogue/fraud.json", "@example-org/fraud-platform"),
        ("gitops/tenants/credit.yaml", "@example-org/credit-decisions"),
        ("gitops/rendered/live-2/tenants/fraud/inferenceservice-scorer.yaml", "@example-org/fraud-platform"),
        ("gitops/rendered/live-2/tenants/fraud/resourcequota-quota.yaml", "@example-org/platform"),
        ("gitops/rendered/live-2/tenants/fraud/configmap-model-trust.yaml", "@example-org/platform"),
        ("gitops/rendered/live-2/platform/edge/authorizationpolicy-tenants.yaml", "@example-org/platform"),
        ("gitops/tombstones/fraud.yaml", "@example-org/platform"),
        ("gitops/catalogue/keys/fraud-release.pem", "@example-org/platform"),
        ("docs/gitops/tenants/fraud.yaml", "@example-org/platform"),
        (".github/CODEOWNERS", "@example-org/platform"),
        ("clusters/inventory/platform.yaml", "@example-org/platform"),
    ],
)
def test_path_is_owned_by(checkout: Checkout, path: str, team: str) -> None:
    assert owners(text_of(checkout), [path], checkout.root / "matched") == {team}


@pytest.mark.parametrize(
    ("old", "new", "teams"),
    [
        ("max_replicas: 24", "max_replicas: 20", {TEAM}),
        ("threshold: 0.88", "threshold: 0.89", {TEAM}),
        ("budget_usd_per_month: 2000", "budget_usd_per_month: 2001", {TEAM, OF_PLATFORM}),
        ("pods: 60", "pods: 61", {TEAM, OF_PLATFORM}),
        ("  - subject: card-authorisation", "  - subject: card-authorisation\n  - tenant: credit", {TEAM, OF_PLATFORM}),
        (version_block(1), version_block(2), {TEAM, OF_PLATFORM}),
        (TEAM, "@example-org/other", {TEAM, OF_PLATFORM}),
    ],
    ids=["scaling", "golden-set", "budget", "quota", "callers", "version", "team"],
)  # fmt: skip
def test_change_of_a_tenants_file_is_reviewed_by(checkout: Checkout, old: str, new: str, teams: set[str]) -> None:
    before, text = everything_rendered(checkout), text_of(checkout)
    tenant = checkout.root / "gitops/tenants/fraud.yaml"
    assert old in tenant.read_text()
    tenant.write_text(tenant.read_text().replace(old, new))
    after = everything_rendered(checkout)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert owners(text, {"gitops/tenants/fraud.yaml", *changed}, checkout.root / "matched") == teams


def test_unchanged_file_is_not_written_again(checkout: Checkout) -> None:
    write_code_owners(checkout, WHOLE)
    before = (checkout.root / CODE_OWNERS).stat().st_mtime_ns
    write_code_owners(checkout, WHOLE)
    assert (checkout.root / CODE_OWNERS).stat().st_mtime_ns == before


def test_missing_file_is_a_finding(checkout: Checkout) -> None:
    assert findings(checkout) == [f".github/CODEOWNERS: is missing; {STALE}"]


def test_other_team_makes_the_file_stale(checkout: Checkout) -> None:
    write_code_owners(checkout, text_of(checkout))
    tenant = checkout.root / "gitops/tenants/credit.yaml"
    tenant.write_text(tenant.read_text().replace("@example-org/credit-decisions", "@octocat"))
    stands = "/gitops/tenants/credit.yaml @example-org/credit-decisions"
    assert findings(checkout) == [f".github/CODEOWNERS: line 6 = {stands}: is not what the facts render to; {STALE}"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (WHOLE + "* @intruder\n", "line 13 = * @intruder"),
        (WHOLE[:-1], "line 12 = /gitops/rendered/*/tenants/fraud/inferenceservice-*.yaml ..."),
    ],
    ids=["added", "cut-off"],
)
def test_edit_at_the_end_is_a_finding(checkout: Checkout, text: str, at: str) -> None:
    write_code_owners(checkout, text)
    assert findings(checkout) == [f".github/CODEOWNERS: {at}: is not what the facts render to; {STALE}"]


@pytest.mark.parametrize("taken", [".github", ".github/CODEOWNERS"])
def test_something_in_its_place_is_told_before_anything_is_rendered(checkout: Checkout, taken: str) -> None:
    if taken == ".github":
        (checkout.root / taken).write_text("a file")
    else:
        (checkout.root / taken).mkdir(parents=True)
    with pytest.raises(ManifestError, match=rf"{taken}: is in the way of CODEOWNERS; move it away \[code-owners-place\]"):
        rendering.render(checkout, inventory.load(checkout.root))


def test_link_in_its_place_is_told_and_replaced(checkout: Checkout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    text = code_owners(checkout, inventory.load(checkout.root))
    outside.write_text(text, encoding="utf-8")
    (checkout.root / CODE_OWNERS).parent.mkdir(exist_ok=True)
    (checkout.root / CODE_OWNERS).symlink_to(outside)
    assert [finding.problem for finding in stale_findings(checkout, text)] == ["is a link, which GitHub does not read"]
    write_code_owners(checkout, text.replace("fraud", "else"))
    assert not (checkout.root / CODE_OWNERS).is_symlink()
    assert outside.read_text(encoding="utf-8") == text


def test_lines_of_a_removed_tenant_disappear(checkout: Checkout) -> None:
    remove_tenant(checkout, "credit", "maria@example.com", "The product was sold.", date(2026, 11, 29))
    assert "credit" not in text_of(checkout)
    assert "/gitops/tenants/fraud.yaml" in text_of(checkout)


def test_validation_names_the_stale_file(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_findings(*_: object) -> list[Finding]:
        return []

    monkeypatch.setattr(rendering, "load_schemas", lambda _on_progress: SchemaSet({}, {}))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    for name in ("check_catalogue", "version_findings", "unrendered_findings"):
        monkeypatch.setattr(rendering, name, no_findings)
    with pytest.raises(ManifestError) as refused:
        rendering.validate(checkout, inventory.load(checkout.root), print)
    told = [str(one) for one in refused.value.findings]
    assert f".github/CODEOWNERS: is missing; {STALE}" in told
    assert [line.rpartition("/gitops/")[2] for line in told if "folder-empty" in line] == [
        f"{tree}: no .yaml file in it; run `tidegate render`, or correct the path [folder-empty]" for tree in ("bootstrap", "rendered")
    ], "nothing rendered is no clean bill"


def test_team_of_the_platform_is_refused_like_one_of_a_tenant(checkout: Checkout) -> None:
    (checkout.root / PLATFORM).write_text("github_team: platform@example.com\n")
    with pytest.raises(InventoryError) as refused:
        text_of(checkout)
    (finding,) = refused.value.findings
    assert str(finding).startswith(
        "clusters/inventory/platform.yaml: github_team = platform@example.com: is a mail address, and GitHub asks teams and users; write"
    )


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        (WHOLE.replace("\n", "\r\n"), 1, "# Rendered from clusters/inventory/platform.yaml and gito..."),
        (WHOLE.replace("@example-org/fraud-platform\n", "@example-org/fraud-platform\r\n", 1), 10, "/gitops/tenants/fraud.yaml @example-org/fraud-platform\\r"),
        (WHOLE.removesuffix("\n"), 12, "/gitops/rendered/*/tenants/fraud/inferenceservice-*.yaml ..."),
        (WHOLE + "\n", 13, ""),
    ],
    ids=["windows", "one-line-of-windows", "no-last-end", "line-too-many"],
)  # fmt: skip
def test_line_that_differs_is_named_when_only_its_end_does(checkout: Checkout, text: str, line: int, shown: str) -> None:
    write_code_owners(checkout, text)
    [finding] = stale_findings(checkout, WHOLE)
    assert (finding.path, finding.value) == (f"line {line}", shown)


def test_missing_facts_of_the_platform_are_called_missing(checkout: Checkout) -> None:
    (checkout.root / PLATFORM).unlink()
    with pytest.raises(
        InventoryError,
        match=r"clusters/inventory/platform.yaml: is missing; add it; `git status` shows what else is missing \[file-missing\]",
    ):
        text_of(checkout)
