"""Whatever bytes a file holds, reading it gives a document or one refusal, and a document JSON can carry unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.root import ROOT
from tidegate.facts.inventory.yaml_files import DEPTH_MAX, FILE_BYTES_MAX, INTEGER_MAX, RefusedDocument, read_document

VALID = (ROOT / "gitops" / "tenants" / "assistant.yaml").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(60)  # a parser that tries too much must fail here, not hang

repeatable = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example overwrites the one file
)
tokens = st.lists(
    st.sampled_from(
        [*"{}[],:#&*!|>?-'\"%@`~\n\t =<", "- ", ": ", "? ", "<<: ", "---\n", "...\n", "!!", "&a ", "*a", "0x", "0o", "1e999", ".nan", "-0", "_",
         "2026-13-45", "12:30", "null", "\\u", "\\U00110000", "\\ud800", "\ufeff", "\u2028", "\x85", "9" * 5000, "name", "tier: x\n"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.yaml"


def _read(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        document = read_document(file, "some.yaml")
    except RefusedDocument as refused:
        lines = [str(finding) for finding in refused.findings]
    else:
        lines = []
        assert json.loads(json.dumps(document, allow_nan=False)) == document
    for line in lines:
        assert line.startswith("some.yaml")
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 1000


@repeatable
@example(b"")
@example(b"\xff")
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_document_or_a_refusal(file: Path, content: bytes) -> None:
    _read(file, content)


@repeatable
@example(text="a: " + "9" * 5000)
@example(text="a: 0x" + "f" * 5000)
@example(text="a: " + "9" * 5000 + "x")  # once took an expression hours
@example(text="a: " + "9_" * 2500 + ".e")
@example(text='a: "\\U00110000"')
@example(text="a: \ufffe")
@example(text="a: 0x_")
@example(text="? {a: b}\n: c")
@example(text="a: =")
@example(text="%YAML 9.9\n---\na: 1")
@example(text="a: 2026-01-01T00:00:00+99:99")
@given(text=st.one_of(tokens, tokens.map("a: {}".format), tokens.map('a: "{}"'.format)))
def test_any_yaml_like_text_is_a_document_or_a_refusal(file: Path, text: str) -> None:
    _read(file, text.encode("utf-8"))


@repeatable
@given(at=st.integers(0, len(VALID)), removed=st.integers(0, 20), inserted=tokens)
def test_damaged_tenant_file_is_a_document_or_a_refusal(file: Path, at: int, removed: int, inserted: str) -> None:
    _read(file, (VALID[:at] + inserted + VALID[at + removed :]).encode("utf-8"))


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        pytest.param(f"a: {INTEGER_MAX}", f"a: {INTEGER_MAX + 1}", id="largest-integer"),
        pytest.param(f"a: -{INTEGER_MAX}", f"a: -{INTEGER_MAX + 1}", id="smallest-integer"),
        pytest.param(f"a: {'[' * (DEPTH_MAX - 1)}{']' * (DEPTH_MAX - 1)}", f"a: {'[' * DEPTH_MAX}{']' * DEPTH_MAX}", id="depth"),
        pytest.param("#" * FILE_BYTES_MAX + "\na: 1", None, id="size"),
        pytest.param("a: 1.7976931348623157e308", "a: 1e309", id="largest-float"),
        pytest.param("---\na: 1\n...\n", "---\na: 1\n---\n", id="one-document"),
        pytest.param("a: 0.0", "a: -0.0", id="zero"),
        pytest.param("a: '012'", "a: 012", id="quoted-digits"),
        pytest.param("a: \u00e9\U0001f600", "a: e\u200d", id="letters-of-any-script"),
        pytest.param("a: b # c\td", "\ta: b", id="tab-in-a-comment-is-not-indentation"),
        pytest.param("a: |\n  x\n  y\n", 'a: "x\\ry"', id="lines-of-text"),
    ],
)
def test_limits_hold_to_the_last_step(file: Path, within: str, beyond: str | None) -> None:
    content = within.encode("utf-8")
    if beyond is None:
        content, beyond = content[-FILE_BYTES_MAX:], within[-FILE_BYTES_MAX:] + "\n"
    file.write_bytes(content)
    assert "a" in read_document(file, "some.yaml")

    file.write_text(beyond, encoding="utf-8", newline="")
    with pytest.raises(RefusedDocument):
        read_document(file, "some.yaml")
