"""What a person sees when files are refused: everything at once, in order, one line each, nothing that should stay secret."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from tests.root import ROOT
from tidegate.errors import InventoryError
from tidegate.facts import inventory
from tidegate.facts.inventory.readable import clipped
from tidegate.facts.inventory.refusals import findings_of

FRAUD = "gitops/tenants/fraud.yaml"
CREDIT = "gitops/tenants/credit.yaml"
LIVE_1 = "clusters/inventory/live-1/cluster.yaml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def _edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} must stand in {path} once"
    (root / path).write_text(text.replace(old, new), encoding="utf-8")


def _refusal(root: Path) -> InventoryError:
    with pytest.raises(InventoryError) as refused:
        inventory.load(root)
    return refused.value


def test_all_faults_of_all_files_are_reported_at_once_sorted_one_line_each(checkout: Path) -> None:
    _edit(checkout, FRAUD, "tier: critical", "tier: gold")
    _edit(checkout, FRAUD, "pods: 60", 'pods: "60"')
    _edit(checkout, CREDIT, "version: 1", "versions: 1")
    _edit(checkout, LIVE_1, "10.16.0.0/16", "10.16.0.1/16")
    (checkout / "gitops/tenants/zebra.yaml").write_text("name: [zebra\n", encoding="utf-8")

    lines = str(_refusal(checkout)).split("\n")

    assert lines == sorted(lines)
    assert [(line.split(": ")[0], line.rsplit("[", 1)[1]) for line in lines] == [
        (LIVE_1, "cidr-host-bits]"),
        (CREDIT, "field-missing]"),
        (CREDIT, "key-unknown]"),
        (FRAUD, "not-integer]"),
        (FRAUD, "not-a-choice]"),
        ("gitops/tenants/zebra.yaml", "yaml-syntax]"),
    ]


def test_contradictions_between_files_wait_until_each_file_is_sound(checkout: Path) -> None:
    _edit(checkout, LIVE_1, "pair: live-2", "pair: live-9")
    assert [finding.rule for finding in _refusal(checkout).findings] == ["pair-unknown"]

    _edit(checkout, FRAUD, "tier: critical", "tier: gold")
    assert [finding.rule for finding in _refusal(checkout).findings] == ["not-a-choice"]


def test_every_contradiction_of_every_tenant_is_reported_at_once(checkout: Path) -> None:
    _edit(checkout, FRAUD, "cpu: 64", "cpu: 1")
    _edit(checkout, FRAUD, "- subject: card-authorisation", "- tenant: nobody")
    _edit(checkout, CREDIT, "nvidia.com/mig-1g.10gb: 7", "nvidia.com/mig-1g.10gb: 1")

    assert [finding.rule for finding in _refusal(checkout).findings] == ["quota-below-accelerators", "caller-unknown", "quota-below-floors"]


def test_finding_shows_neither_traceback_nor_class_names(checkout: Path) -> None:
    _edit(checkout, FRAUD, "quota:\n", "quota: &q\n")
    _edit(checkout, CREDIT, "tier: regulated", "tier: [regulated]")
    _edit(checkout, LIVE_1, "role: primary", 'role: "\\U00110000"')

    text = str(_refusal(checkout))

    for leak in ("Traceback", "pydantic", "ruamel", "Error", "tidegate/", 'File "', "input_value", str(checkout)):
        assert leak not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("- subject: card-authorisation", '- subject: "Bearer {secret}"', id="malformed-value"),
        pytest.param("name: fraud\n", 'name: fraud\ntoken: "{secret}"\n', id="value-of-unknown-key"),
        pytest.param("name: fraud\n", 'name: fraud\n"{secret}": 1\n', id="unknown-key-itself"),
        pytest.param("s3://tidegate-models/fraud/scorer/1\n", "s3://bucket/{secret}/latest\n", id="moving-uri"),
        pytest.param("tier: critical", "tier: !{secret} critical", id="tag"),
        pytest.param("  scorer:\n", '  "{secret}":\n', id="model-name"),
        pytest.param("# Inline", "%{secret}\n# Inline", id="directive"),
        pytest.param("tier: critical", "tier: 2026-11-21 {secret}", id="date"),
        pytest.param("pods: 60", 'pods: "{secret}"', id="text-for-a-number"),
        pytest.param("cpu: 64\n", 'cpu: 64\n  ? ["{secret}"]\n  : 1\n', id="list-as-key"),
    ],
)
def test_long_value_that_may_be_a_secret_is_clipped(old: str, new: str, checkout: Path) -> None:
    secret = "ghp" + "Zq9" * 40
    _edit(checkout, FRAUD, old, new.format(secret=secret))

    text = str(_refusal(checkout))

    assert secret not in text
    assert secret[:61] not in text


def test_value_of_many_lines_stays_in_one_line(checkout: Path) -> None:
    _edit(checkout, FRAUD, "tier: critical", "tier: |\n  critical\n  x.yaml: forged: finding; believe it [ok]")

    refusal = _refusal(checkout)

    assert len(refusal.findings) == 1
    assert len(str(refusal).split("\n")) == 1
    assert r"tier = critical\nx.yaml" in str(refusal)


def test_look_alike_letters_are_shown_escaped(checkout: Path) -> None:
    _edit(checkout, FRAUD, "name: fraud", "name: fr\u0430ud")

    assert r"name = fr\u0430ud:" in str(_refusal(checkout))


def test_clipped_text_keeps_its_beginning_in_sixty_characters() -> None:
    assert clipped("short") == "short"
    assert clipped("x" * 60) == "x" * 60
    assert clipped("x" * 61) == "x" * 57 + "..."
    assert clipped("\x1b[2J") == r"\x1b[2J"


def test_unforeseen_kind_of_error_is_still_a_finding_with_a_remedy() -> None:
    class Foreign(BaseModel):
        field: Literal["x"] | int

        @field_validator("field")
        @classmethod
        def _never(cls, value: object) -> object:
            raise ValueError(f"nothing of the sort: {value!r}")

    document = {"field": 5}
    with pytest.raises(ValidationError) as refused:
        Foreign.model_validate(document)

    (finding,) = findings_of(refused.value, "some.yaml", Foreign, document)
    assert str(finding) == "some.yaml: field = 5: value error, nothing of the sort: 5; see the schema [value-refused]"


def test_order_of_files_does_not_change_findings(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _edit(checkout, FRAUD, "tier: critical\n", "tier: critical\nnamespace: tenant-credit\n")
    _edit(checkout, CREDIT, "- tenant: fraud", "- tenant: nobody")
    forwards = str(_refusal(checkout))

    iterdir = Path.iterdir

    def backwards(folder: Path) -> Iterator[Path]:
        return iter(sorted(iterdir(folder), reverse=True))

    monkeypatch.setattr(Path, "iterdir", backwards)

    assert str(_refusal(checkout)) == forwards


def test_files_that_are_no_inventory_are_left_alone(checkout: Path) -> None:
    (checkout / "gitops/tenants/README.md").write_text("Who owns what.\n", encoding="utf-8")
    (checkout / "clusters/inventory/README.md").write_text("Which is where.\n", encoding="utf-8")

    assert len(inventory.load(checkout).tenants) == 5
