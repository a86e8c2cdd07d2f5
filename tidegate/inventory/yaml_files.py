"""Reads one YAML 1.2 document of facts, refusing every feature that facts do not need.

The inventory is written by many hands and reviewed by few, so the subset is narrow: one document, no anchors, no
aliases, no tags, no duplicate keys, no invisible characters, no numbers that a reader and a machine would read
differently. Structure is checked on the event stream, before anything recursive sees it.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TypeAlias, cast

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, Event, NodeEvent, ScalarEvent

from tidegate.errors import Finding

FILE_BYTES_MAX = 256 * 1024
"""A tenant file of 40 models is about 60 KiB; the parser needs some seconds per MiB."""

DEPTH_MAX = 20
"""The deepest fact is eight levels down."""

INTEGER_MAX = 2**53
"""Above it JSON readers lose digits."""

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Document: TypeAlias = "dict[str, Value]"


class RefusedDocument(Exception):  # noqa: N818 - never leaves this package: a carrier of findings, not an error to catch
    """The file cannot be read as facts; `findings` say why."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(str(finding) for finding in findings))


class _Refuse:
    """Makes `RefusedDocument`s about one file."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __call__(self, rule: str, problem: str, remedy: str, at: str = "") -> RefusedDocument:
        return RefusedDocument([Finding(self._source, at, rule, problem, remedy)])


def read_document(path: Path, source: str) -> Document:
    """The mapping in `path`; raises `RefusedDocument`, whose findings name `source`."""
    refused = _Refuse(source)
    text = _read_text(path, refused)
    _refuse_odd_characters(text, refused)
    _refuse_odd_structure(text, refused)
    try:
        loaded = cast(object, YAML(typ="safe", pure=True).load(StringIO(text)))  # pyright: ignore[reportUnknownMemberType] - ruamel leaves it untyped
    except DuplicateKeyError as error:
        at = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise refused("key-twice", "a key is written twice", "keep one of them", at) from error
    except (YAMLError, ValueError, TypeError) as error:
        raise refused("yaml-syntax", str(error).split("\n", 1)[0], "fix the syntax") from error
    if not isinstance(loaded, dict):
        raise refused("file-not-mapping", "the file holds no mapping", "start with `name:`")
    findings = list(_odd_values(cast(Value, loaded), "", source))
    if findings:
        raise RefusedDocument(findings)
    return cast(Document, loaded)


def _read_text(path: Path, refused: _Refuse) -> str:
    if path.is_symlink() or not path.is_file():
        raise refused("file-not-regular", "not a regular file", "commit the file itself, not a link")
    if (size := path.stat().st_size) > FILE_BYTES_MAX:
        raise refused("file-too-large", f"{size} bytes", f"keep it below {FILE_BYTES_MAX} bytes")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused("file-not-utf8", f"byte {error.start} is not UTF-8", "save it as UTF-8") from error


def _refuse_odd_characters(text: str, refused: _Refuse) -> None:
    if "\r" in text:
        raise refused("file-crlf", "Windows line endings", "save it with Unix line endings")
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if character == "\t" or unicodedata.category(character) not in _INVISIBLE:
                continue
            rule = "byte-order-mark" if character == "\ufeff" else "invisible-character"
            name = unicodedata.name(character, f"control character U+{ord(character):04X}")
            raise refused(rule, name.lower(), "delete it", f"line {number}, column {column}")


_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories a reader cannot see: controls, formats (zero width, right to left), private use, separators."""


def _refuse_odd_structure(text: str, refused: _Refuse) -> None:
    depth = documents = 0
    try:
        events = cast("Iterator[Event]", YAML(typ="safe", pure=True).parse(StringIO(text)))  # pyright: ignore[reportUnknownMemberType] - ruamel leaves it untyped
        for event in events:
            at = f"line {event.start_mark.line + 1}"
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise refused("documents-several", "more than one document", "keep one per file", at)
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                raise refused("yaml-anchor", "anchors and aliases hide what is meant", "write the value out", at)
            if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
                raise refused("yaml-tag", f"the tag {event.tag}", "remove the tag", at)
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEPTH_MAX:
                raise refused("yaml-depth", f"more than {DEPTH_MAX} levels deep", "flatten it", at)
    except MarkedYAMLError as error:
        at = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = str(error.problem or error.context or "not YAML")
        raise refused("yaml-syntax", problem, "fix the syntax (indent with spaces)", at) from error


def _odd_values(value: Value, at: str, source: str) -> Iterator[Finding]:
    match value:
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a YAML key may be a number
                    yield Finding(source, at, "key-not-text", "a key is not text", "put it in quotes", str(key))
                else:
                    yield from _odd_values(inner, f"{at}.{key}" if at else key, source)
        case list():
            for index, inner in enumerate(value):
                yield from _odd_values(inner, f"{at}[{index}]", source)
        case bool() | None | str():
            pass
        case int():
            if abs(value) > INTEGER_MAX:
                yield Finding(source, at, "number-too-large", "beyond exact arithmetic", "write a smaller number", str(value)[:40])
        case float():
            if not math.isfinite(value):
                yield Finding(source, at, "number-not-finite", "not a finite number", "write a finite number", str(value))
            elif value == 0 and math.copysign(1, value) < 0:
                yield Finding(source, at, "number-minus-zero", "minus zero", "write 0", "-0")
        case _:
            yield Finding(source, at, "value-not-plain", "neither text, number nor boolean", "put it in quotes", str(value))
