"""Money, durations and quantities are written in one way each: no exponent, no lost digit, as Kubernetes prints them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.root import ROOT
from tidegate.facts import numerals
from tidegate.manifests.rules.quantities import canonical_quantity

NUMBERS_OF_MODELS = {
    "clusters/embedded/demo/credit_explainer/attributions.py": 1,
    "clusters/embedded/demo/training/estimators.py": 2,
    "tidegate/cli/serving.py": 2,
    "tidegate/embedded/prediction.py": 2,
}
"""Weights of models and differences between their answers, down to 1e-6: how many such places each module has."""

_SHORT_FORM = re.compile(r"%[-+ #0-9.]*[gGeE]\b|[0-9.]*[gGeEn]")


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (1234567, "1234567"), (1234567.0, "1234567"), (9_999_999.99, "9999999.99"), (0.01, "0.01"), (1e-05, "0.00001"), (100.0, "100"),
        (0.1 + 0.2, "0.3"), (1e15, "1000000000000000"), (0, "0"), (0.0009765625, "0.0009765625"),
    ],
)  # fmt: skip
def test_number_has_all_its_digits_and_no_exponent(number: float, written: str) -> None:
    assert numerals.decimal(number) == written


@given(st.floats(1e-9, 1e15))
def test_number_reads_back_as_itself(number: float) -> None:
    written = numerals.decimal(number)
    assert re.fullmatch(r"[0-9]+(\.[0-9]*[1-9])?", written)
    assert float(written) == pytest.approx(number, rel=1e-14)


def test_money_has_cents_and_thousands() -> None:
    assert (numerals.usd(1234567), numerals.usd(0.5), numerals.usd_change(12.5)) == ("1,234,567.00", "0.50", "+12.50")
    assert (numerals.usd_of_cents(123456789), numerals.usd_of_cents(-5), numerals.usd_of_cents(0)) == ("1,234,567.89", "-0.05", "0.00")


def test_duration_has_its_unit() -> None:
    assert (numerals.seconds(1234567.0), numerals.seconds(0.5)) == ("1234567 s", "0.5 s")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2", "2"), ("2.0", "2"), ("1.5", "1500m"), ("1500m", "1500m"), ("2000m", "2"), ("0.1", "100m"), ("0", "0"), ("1000", "1k"),
        ("2Gi", "2Gi"), ("2048Mi", "2Gi"), ("1.5Gi", "1536Mi"), ("1536Mi", "1536Mi"), ("1024Gi", "1Ti"), ("1000000k", "1G"),
        ("two", None), ("1e3", None),
    ],
)  # fmt: skip
def test_canonical_spelling(written: str, canonical: str | None) -> None:
    """The expected values were taken from apimachinery's own rules."""
    assert canonical_quantity(written) == canonical


@given(st.integers(1, 2 * 1024 * 1000))
def test_cores_are_rendered_canonically(thousandths: int) -> None:
    written = numerals.cpu(thousandths / 1000)
    assert canonical_quantity(written) == written


@pytest.mark.parametrize("cores", [0.001, 0.125, 1, 2.0, 1000, 2000])
def test_whole_cores_are_rendered_canonically(cores: float) -> None:
    assert canonical_quantity(numerals.cpu(cores)) == numerals.cpu(cores)


@given(st.integers(1, 32768 * 1024))
def test_memory_is_rendered_canonically(mib: int) -> None:
    written = numerals.memory(mib / 1024)
    assert canonical_quantity(written) == written


@pytest.mark.parametrize("gib", [1 / 1024, 0.5, 12.0, 1024, 1025, 2048, 32768])
def test_whole_memory_is_rendered_canonically(gib: float) -> None:
    assert canonical_quantity(numerals.memory(gib)) == numerals.memory(gib)


@given(st.integers(0, 10_000))
def test_pieces_are_rendered_canonically(pieces: int) -> None:
    assert canonical_quantity(numerals.count(pieces)) == numerals.count(pieces)


def short_forms(source: str) -> Iterator[int]:
    """The line of each number written by Python's short or exponential form: f-string, `format` or `%`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FormattedValue(format_spec=ast.JoinedStr([*_, ast.Constant(str() as spec)])) if spec.endswith(tuple("gGeEn")):
                yield node.lineno
            case ast.Call(ast.Name("format"), [_, ast.Constant(str() as spec)]) if _SHORT_FORM.fullmatch(spec):
                yield node.lineno
            case ast.Call(ast.Attribute(ast.Constant(str() as text), "format")) if re.search(r"\{[^{}]*:[^{}]*[gGeEn]\}", text):
                yield node.lineno
            case ast.BinOp(ast.Constant(str() as text), ast.Mod()) if re.search(r"%[-+ #0-9.]*[gGeE]", text):
                yield node.lineno
            case _:
                pass


@pytest.mark.parametrize(
    "source", ['f"{budget:g}"', 'f"{x:,.3g} USD"', 'format(x, ".2g")', '"{:g}".format(x)', '"%g" % x', 'f"{x:{width}.2e}"']
)
def test_short_form_is_found(source: str) -> None:
    assert list(short_forms(source)) == [1]


@pytest.mark.parametrize("source", ['f"{x:,.2f}"', 'f"{name:<40}"', 'f"{x:02}"', '"100 %" % x', 'f"{flag!r}"'])
def test_other_form_is_left_alone(source: str) -> None:
    assert list(short_forms(source)) == []


def test_product_code_writes_numbers_by_the_formatters_only() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for folder in ("tidegate", "clusters", "infra")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := list(short_forms(path.read_text(encoding="utf-8"))))
    }
    formatter = found.pop("tidegate/facts/numerals.py")
    assert len(formatter) == 1
    assert {module: len(lines) for module, lines in found.items()} == NUMBERS_OF_MODELS, f"use tidegate.facts.numerals: {found}"
