"""Reads one YAML 1.2 document of facts, refusing every feature that facts do not need.

The inventory is written by many hands and reviewed by few, so the subset is narrow: one document, no anchors, no
aliases, no tags, no duplicate keys, no invisible characters, no numbers that a reader and a machine would read
differently. Structure is checked on the event stream, before anything recursive sees it.
"""

# ruamel.yaml annotates little, so its events and marks are unknown to the checker:
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
import re
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
from tidegate.facts.inventory.readable import clipped

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

    def __call__(self, rule: str, problem: str, remedy: str, at: str = "", value: str = "") -> RefusedDocument:
        return RefusedDocument([Finding(self._source, at, rule, problem, remedy, clipped(value))])


def read_document(path: Path, source: str) -> Document:
    """The mapping in `path`; raises `RefusedDocument`, whose findings name `source`."""
    refused = _Refuse(source)
    text = _read_text(path, refused)
    _refuse_odd_lines(text, refused)
    _refuse_odd_structure(text, refused)
    try:
        loaded = cast("object", YAML(typ="safe", pure=True).load(StringIO(text)))
    except DuplicateKeyError as error:
        at = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise refused("key-twice", "a key is written twice", "keep one of them", at) from error
    except (YAMLError, ValueError, TypeError, OverflowError) as error:
        raise _syntax_error(error, refused) from error
    if not isinstance(loaded, dict):
        raise refused("file-not-mapping", "the file holds no mapping", "start with `name:`")
    findings = list(_odd_values(cast("Value", loaded), "", source))
    if findings:
        raise RefusedDocument(findings)
    return cast("Document", loaded)


def _read_text(path: Path, refused: _Refuse) -> str:
    if not path.exists() and not path.is_symlink():
        raise refused("file-missing", "is missing", "add it; `git status` shows what else is missing")
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        raise refused("file-not-regular", "not a regular file", "commit the file itself, not a link")
    if (size := path.stat().st_size) > FILE_BYTES_MAX:
        raise refused("file-too-large", f"{size} bytes", f"keep it below {FILE_BYTES_MAX} bytes")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused("file-not-utf8", f"byte {error.start} is not UTF-8", "save it as UTF-8") from error


def _refuse_odd_lines(text: str, refused: _Refuse) -> None:
    if "\r" in text:
        raise refused("file-crlf", "Windows line endings", "save it with Unix line endings")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("%"):
            raise refused("yaml-directive", "a directive changes how the rest is read", "remove the line", f"line {number}", line)
        for column, character in enumerate(line, start=1):
            if character == "\t" or not _is_invisible(character):
                continue
            if character == "\ufeff":
                raise refused("byte-order-mark", "a byte order mark", "save the file without", f"line {number}, column {column}")
            raise refused("invisible-character", _name_of(character), "delete it", f"line {number}, column {column}")


_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
"""Unicode categories a reader cannot see: controls, formats (zero width, right to left), unassigned, private, separators."""


def _is_invisible(character: str) -> bool:
    return character != " " and unicodedata.category(character) in _INVISIBLE


def _name_of(character: str) -> str:
    return unicodedata.name(character, f"character U+{ord(character):04X}").lower()


def _refuse_odd_structure(text: str, refused: _Refuse) -> None:
    depth = documents = 0
    try:
        events = cast("Iterator[Event]", YAML(typ="safe", pure=True).parse(StringIO(text)))
        for event in events:
            at = f"line {event.start_mark.line + 1}"
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise refused("documents-several", "more than one document", "keep one per file", at)
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                raise refused("yaml-anchor", "anchors and aliases hide what is meant", "write the value out", at)
            if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
                raise refused("yaml-tag", "a tag asks for a type", "remove the tag", at, str(event.tag))
            if isinstance(event, ScalarEvent) and event.style is None:
                _refuse_odd_plain_scalar(str(event.value), refused, at)
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEPTH_MAX:
                raise refused("yaml-depth", f"more than {DEPTH_MAX} levels deep", "flatten it", at)
    except (YAMLError, ValueError) as error:
        raise _syntax_error(error, refused) from error


def _syntax_error(error: Exception, refused: _Refuse) -> RefusedDocument:
    marked = error if isinstance(error, MarkedYAMLError) else None
    at = f"line {marked.problem_mark.line + 1}" if marked and marked.problem_mark else ""
    if isinstance(error, ValueError):
        return refused("yaml-syntax", "an escape names no character", "write the character itself", at)
    problem = str((marked and (marked.problem or marked.context)) or error).split("\n", 1)[0]
    remedy = "put the value in quotes" if problem.startswith("found character '@'") else "fix the syntax (indent with spaces)"
    return refused("yaml-syntax", clipped(problem), remedy, at)


_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
"""How JSON writes a number; every reader agrees on these."""

_NUMBER_LENGTH_MAX = 40
"""Python itself refuses to read integers of some thousand digits."""

_LONG_NUMBER = re.compile(r"[-+]?(0[xob][0-9a-fA-F_]+|[0-9_.:]+([eE][-+]?[0-9]+)?)")

_NUMBER_SOMEWHERE = re.compile(r"[-+]?(0[xob][0-9a-fA-F_]*|[0-9_]*[0-9][0-9_]*(:[0-5]?[0-9])*\.?[0-9_]*([eE][-+]?[0-9]+)?|\.[0-9_]+|_+)")
"""What some YAML version takes for a number: octal, hexadecimal, sixties, underscores, a bare point, a plus."""


_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")


def _refuse_odd_plain_scalar(value: str, refused: _Refuse, at: str) -> None:
    if value == "<<":
        raise refused("yaml-merge", "a merge key hides what is meant", "write the keys out", at, value)
    if re.fullmatch(r"-0+", value):
        raise refused("number-minus-zero", "minus zero", "write 0", at, value)
    if _DATE.fullmatch(value):
        raise refused("value-not-plain", "a date is neither text, number nor boolean", "put it in quotes", at, value)
    if len(value) > _NUMBER_LENGTH_MAX:  # no further: the expression below tries every way to part a long row of digits
        if _LONG_NUMBER.fullmatch(value):
            raise refused("number-too-large", "has too many digits", "write a smaller number, or quotes if it is text", at, value)
        return
    if _NUMBER_SOMEWHERE.fullmatch(value) and not _NUMBER.fullmatch(value):
        raise refused("number-form", "readers take it for different things", "write plain digits, or quotes if it is text", at, value)


def _odd_values(value: Value, at: str, source: str) -> Iterator[Finding]:
    match value:
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a YAML key may be a number
                    yield Finding(source, at, "key-not-text", "a key is not text", "put it in quotes", clipped(str(key)))
                    continue
                yield from _odd_text(key, f"{at}.{clipped(key)}".removeprefix("."), source)
                yield from _odd_values(inner, f"{at}.{clipped(key)}".removeprefix("."), source)
        case list():
            for index, inner in enumerate(value):
                yield from _odd_values(inner, f"{at}[{index}]", source)
        case str():
            yield from _odd_text(value, at, source)
        case bool() | None:
            pass
        case int() | float():
            yield from _odd_number(value, at, source)
        case _:
            yield Finding(source, at, "value-not-plain", "neither text, number nor boolean", "put it in quotes", clipped(str(value)))


def _odd_number(value: float, at: str, source: str) -> Iterator[Finding]:
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            yield Finding(source, at, "number-too-large", "beyond exact arithmetic", "write a smaller number", clipped(str(value)))
    elif not math.isfinite(value):
        yield Finding(source, at, "number-not-finite", "not a finite number", "write a finite number", str(value))
    elif value == 0.0 and math.copysign(1, value) < 0:
        yield Finding(source, at, "number-minus-zero", "minus zero", "write 0", "-0")


def _odd_text(text: str, at: str, source: str) -> Iterator[Finding]:
    r"""What escapes such as `\u202e` smuggle past the look at the file's own characters."""
    for character in text:
        if character != "\n" and _is_invisible(character):
            yield Finding(source, at, "invisible-character", _name_of(character), "delete it", clipped(text))
            return
