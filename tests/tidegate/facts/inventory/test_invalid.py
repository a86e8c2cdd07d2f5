"""Every rule refuses what it should, with exactly one finding whose whole line is known.

`invalid/<rule>.yaml` and `invalid/<rule>--<variant>.yaml` are complete files as somebody would write them: a valid one
with a small edit. `invalid/expected.yaml` says in whose place each is put and what must then be found. What Git, an
editor or a reviewer would mangle (line ends, links, megabytes, characters nobody sees) is made by `_RECIPES` instead.
"""

from __future__ import annotations

import ast
import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.root import ROOT
from tidegate.errors import InventoryError
from tidegate.facts import inventory
from tidegate.facts.inventory.refusals import _REMEDIES  # pyright: ignore[reportPrivateUsage] - its rules need cases, too
from tidegate.facts.inventory.yaml_files import Document, read_document

INVALID = Path(__file__).parent / "invalid"
EXPECTED: dict[str, dict[str, str]] = yaml.safe_load((INVALID / "expected.yaml").read_text(encoding="utf-8"))
FIXTURES = {path.stem for path in INVALID.glob("*.yaml")} - {"expected"}

FRAUD = "gitops/tenants/fraud.yaml"
LIVE_1 = "clusters/inventory/live-1"
TOMBSTONES = "gitops/tombstones"
TOMBSTONE = """\
name: retired
clusters: [live-1, live-2]
requested_by: maria@example.com
reason: The product was sold.
removed_on: "2026-11-21"
"""

UNREACHED = {
    "file-missing": "of clusters/inventory/platform.yaml, which CODEOWNERS come from: tests/tidegate/repository/test_code_owners.py has the case",
    **dict.fromkeys(
        ("no-such-day", "prices-from-the-future", "price-region-differs", "price-table-missing", "prices-old"),
        "of price tables: tests/tidegate/repository/test_price_tables.py",
    ),
    **dict.fromkeys(
        ("price-file-unread", "service-price-unit", "spot-above-on-demand", "spot-undated"),
        "of price tables: tests/tidegate/repository/test_refused_prices.py",
    ),
    "price-missing-in-region": "of a machine in a region's own table: tests/tidegate/manifests/test_unpriced.py",
    "replica-without-machine": "of a pool that a model fits into and its replicas do not: tests/tidegate/metering/test_floors_are_billed.py",
    **dict.fromkeys(("lock-empty", "lock-missing"), "of the packages of MLServer's images: tests/tidegate/signing/test_libraries.py"),
    "value-refused": "the fallback for kinds of errors that no model has today; it has a test of its own",
    "ceiling-above-quota": "a warning, for which nobody is refused; tests/tidegate/facts/rules/test_room.py",
    **dict.fromkeys(
        ("profile-of-no-model", "scale-profile-ceiling", "scale-profile-phase", "scale-profile-without-step"),
        "of the embedded region's load: tests/tidegate/facts/test_embedded_profiles.py",
    ),
    "ceilings-above-quota": "held by the quota gate alone; tests/tidegate/repository/merge/test_static_gates.py",
}


def _rewrite(change: Callable[[str], str | bytes]) -> Callable[[Path], None]:
    def recipe(root: Path) -> None:
        path = root / FRAUD
        changed = change(path.read_text(encoding="utf-8"))
        path.write_bytes(changed if isinstance(changed, bytes) else changed.encode("utf-8"))

    return recipe


def _insert(character: str) -> Callable[[Path], None]:
    return _rewrite(lambda text: text.replace("name: fraud", f"name: fra{character}ud"))


def _link(path: str) -> Callable[[Path], None]:
    def recipe(root: Path) -> None:
        (root / path).rename(root / "elsewhere")
        (root / path).symlink_to(root / "elsewhere")

    return recipe


def _file_becomes_folder(root: Path) -> None:
    (root / FRAUD).unlink()
    (root / FRAUD).mkdir()


def _rename(path: str, new: str) -> Callable[[Path], None]:
    return lambda root: (root / path).rename((root / path).with_name(new)) and None


def _bury(name: str, text: str = TOMBSTONE) -> Callable[[Path], None]:
    def recipe(root: Path) -> None:
        (root / TOMBSTONES).mkdir()
        (root / TOMBSTONES / name).write_bytes(text.encode())

    return recipe


def _add(path: str) -> Callable[[Path], None]:
    def recipe(root: Path) -> None:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("name: fraud\n", encoding="utf-8")

    return recipe


def _in_place_of(folder: str) -> Callable[[Path], None]:
    def recipe(root: Path) -> None:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).touch()

    return recipe


def _bury_behind_a_link(root: Path) -> None:
    _bury("retired.yaml")(root)
    _link(f"{TOMBSTONES}/retired.yaml")(root)


_RECIPES: dict[str, Callable[[Path], None]] = {
    "byte-order-mark": _rewrite(lambda text: "\ufeff" + text),
    "byte-order-mark--inside": _insert("\ufeff"),
    "cluster-file-missing": lambda root: (root / LIVE_1 / "cluster.yaml").unlink(),
    "cluster-file-missing--other-suffix": _rename(f"{LIVE_1}/cluster.yaml", "cluster.yml"),
    "file-crlf--tombstone": _bury("retired.yaml", TOMBSTONE.replace("\n", "\r\n")),
    "file-crlf": _rewrite(lambda text: text.replace("\n", "\r\n")),
    "file-not-regular": _link(FRAUD),
    "file-not-regular--folder": _file_becomes_folder,
    "file-not-regular--folder-behind-link": _link(LIVE_1),
    "file-not-regular--tombstone-behind-link": _bury_behind_a_link,
    "file-not-utf8": _rewrite(lambda text: text.replace("Inline", "Für").encode("latin-1")),
    "file-not-utf8--utf-16": _rewrite(lambda text: text.encode("utf-16-le") + b"\xff\xdb"),
    "file-not-folder": _in_place_of("gitops/tenants"),
    "file-not-folder--clusters": _in_place_of("clusters/inventory"),
    "file-not-folder--tombstones": _in_place_of(TOMBSTONES),
    "file-suffix": _rename(FRAUD, "fraud.yml"),
    "file-suffix--capitals": _rename(FRAUD, "fraud.YAML"),
    "file-suffix--json": _rename(FRAUD, "fraud.json"),
    "file-suffix--tombstone": _bury("retired.yml"),
    "file-too-large": _rewrite(lambda text: f"{text}note: {'x' * 10_000_000}\n"),
    "file-unread": _add("gitops/tenants/fraud.yaml.bak"),
    "file-unread--folder": _add("gitops/tenants/payments/fraud.yaml"),
    "file-unread--tombstone": _add(f"{TOMBSTONES}/retired.txt"),
    "file-unread--cluster": _add("clusters/inventory/live-3.yaml"),
    "file-unread--beside-a-cluster": _add(f"{LIVE_1}/nodes.yaml"),
    "inventory-empty": lambda root: shutil.rmtree(root / "clusters"),
    "invisible-character--no-break-space": _insert("\u00a0"),
    "invisible-character--noncharacter": _insert("\ufffe"),
    "invisible-character--null": _insert("\0"),
    "invisible-character--right-to-left": _insert("\u202e"),
    "invisible-character--zero-width": _insert("\u200b"),
    "yaml-depth": _rewrite(lambda text: f"{text}note: {'[' * 10_000}{']' * 10_000}\n"),
}


@pytest.fixture(scope="module")
def committed() -> dict[tuple[str, bytes], Document]:
    """The committed files as read once, because reading YAML takes most of the time and they are the same in each case."""
    sources = [*ROOT.glob("clusters/inventory/*/cluster.yaml"), *ROOT.glob("gitops/tenants/*.yaml")]
    names = {path.relative_to(ROOT).as_posix(): path for path in sources}
    return {(source, path.read_bytes()): read_document(path, source) for source, path in names.items()}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committed: dict[tuple[str, bytes], Document]) -> Path:
    """A copy of the valid inventory, to be broken."""

    def read(path: Path, source: str) -> Document:
        if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
            return read_document(path, source)
        return committed.get((source, path.read_bytes())) or read_document(path, source)

    monkeypatch.setattr(importlib.import_module("tidegate.facts.inventory.load"), "read_document", read)
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def _lines(root: Path) -> list[str]:
    with pytest.raises(InventoryError) as refused:
        inventory.load(root)
    assert str(refused.value).split("\n") == [str(finding) for finding in refused.value.findings]
    return str(refused.value).split("\n")


@pytest.mark.parametrize("case", sorted(EXPECTED))
def test_one_fault_gives_exactly_one_finding(case: str, checkout: Path) -> None:
    if recipe := _RECIPES.get(case):
        recipe(checkout)
    else:
        place = checkout / EXPECTED[case]["as"]
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(INVALID / f"{case}.yaml", place)

    assert _lines(checkout) == [EXPECTED[case]["finding"]]


@pytest.mark.parametrize("case", sorted(EXPECTED))
def test_expected_line_names_the_rule_of_its_file_and_carries_a_remedy(case: str) -> None:
    line = EXPECTED[case]["finding"]

    assert line.endswith(f" [{_rule(case)}]")
    assert line.split(":", 1)[0].startswith(("gitops/tenants", TOMBSTONES, "clusters/inventory"))
    assert "; " in line, "no remedy"
    assert line.isascii()
    assert line.isprintable()
    whole_file = line.startswith(f"{line.split(': ', 1)[0]}: ") and _rule(case).startswith(
        ("file-", "inventory-", "cluster-file", "yaml-syntax")
    )
    assert whole_file or line.count(": ") >= 2, "no path inside the file"


def test_unbroken_copy_is_accepted(checkout: Path) -> None:
    assert set(inventory.load(checkout).tenants) == {"assistant", "credit", "fraud", "merchants", "scoring"}


@pytest.mark.parametrize("name", [".fraud.yaml.swp", "fraud.yaml~", ".gitkeep"])
def test_file_of_an_editor_is_left_alone(checkout: Path, name: str) -> None:
    _add(f"gitops/tenants/{name}")(checkout)
    assert "fraud" in inventory.load(checkout).tenants


def test_tombstone_of_a_tenant_that_has_no_file_is_accepted(checkout: Path) -> None:
    _bury("retired.yaml")(checkout)
    platform = inventory.load(checkout)
    assert [tombstone.namespace_name for tombstone in platform.tombstones_of("live-1")] == ["tenant-retired"]
    assert "retired" not in platform.tenants


def test_namespace_that_somebody_has_in_another_cluster_may_be_a_tombstones(checkout: Path) -> None:
    tenant = checkout / "gitops" / "tenants" / "assistant.yaml"
    tenant.write_text(tenant.read_text(encoding="utf-8").replace("clusters: [live-1, live-2]", "clusters: [live-2]"), encoding="utf-8")
    _bury("retired.yaml", f"{TOMBSTONE.replace('[live-1, live-2]', '[live-1]')}namespace: tenant-assistant\n")(checkout)
    assert inventory.load(checkout).tombstones["retired"].namespace_name == "tenant-assistant"


def test_every_case_is_expected_and_every_expectation_has_a_case() -> None:
    assert FIXTURES | set(_RECIPES) == set(EXPECTED)
    assert not FIXTURES & set(_RECIPES)
    assert all((set(EXPECTED[case]) == {"as", "finding"}) == (case in FIXTURES) for case in EXPECTED)


def test_every_rule_of_the_code_has_a_case_and_every_case_a_rule() -> None:
    in_code = {rule for path in _modules() for rule in _rules_in(path)} | {rule for rule, _, _ in _REMEDIES.values()}

    assert {_rule(case) for case in EXPECTED} | set(UNREACHED) == in_code
    assert len(in_code) > 90, "the search for rules finds too little"


def test_rules_are_found_wherever_the_code_spells_them(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('refuse("a", 1)\nraise refused("b" if x else "c", 2)\nFinding(s, p, "d", q)\n_REMEDIES.get(k, ("e", 1, 2))\n')

    assert set(_rules_in(module)) == {"a", "b", "c", "d", "e"}


def _rule(case: str) -> str:
    return case.split("--", 1)[0]


def _modules() -> list[Path]:
    """Where tenants' and clusters' files are judged; what the embedded region is built from has tests of its own."""
    others = {"builds.py", "bundle.py", "catalogue.py", "image_catalogue.py", "images.py", "machine.py", "embedded.py", "signature.py"}
    paths = [path for path in (ROOT / "tidegate/facts").rglob("*.py") if path.name != "releases.py"]  # tests/clusters/test_releases.py
    return [path for path in paths if path.name not in others]


_RULE_ARGUMENT = {"refuse": 0, "refused": 0, "Finding": 2, "get": 1}
"""Which argument of which call is, or for a remedy begins with, the name of a rule."""


def _rules_in(path: Path) -> Iterator[str]:
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.id if isinstance(call.func, ast.Name) else ast.unparse(call.func)
        position = _RULE_ARGUMENT.get(name.removeprefix("_REMEDIES."))
        if position is None or len(call.args) <= position or (position == 1 and not name.startswith("_REMEDIES.")):
            continue
        argument = call.args[position]
        if isinstance(argument, ast.Call):
            continue  # read back from an error that `refuse` made
        spelt = argument.elts[:1] if isinstance(argument, ast.Tuple) else [argument]
        for constant in (inner for part in spelt for inner in ast.walk(part)):
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                yield constant.value
            elif isinstance(constant, ast.Name) and constant.id == "rule":
                yield from _rules_looped_over(path)


def _rules_looped_over(path: Path) -> Iterator[str]:
    """The rules of `for rule, ... in (("<rule>", ...), ...)`."""
    for loop in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(loop, ast.For) and ast.unparse(loop.target).startswith("(rule, ") and isinstance(loop.iter, ast.Tuple):
            for row in loop.iter.elts:
                assert isinstance(row, ast.Tuple)
                yield ast.literal_eval(row.elts[0])
