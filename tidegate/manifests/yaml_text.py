"""One Kubernetes object as YAML text that YAML 1.1 and 1.2 parsers read alike, and back.

`yaml_rs` writes the text; it quotes by YAML 1.2. What YAML 1.1 reads differently (dates, `0b1`, `1_000`, `y`) is found
in the finished text, because looking there costs far less than looking at every value before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias, cast

import yaml_rs

from tidegate.errors import Finding, ManifestError

Manifest: TypeAlias = "Mapping[str, object]"
"""A Kubernetes object in wire form; what it may hold is said by the typed dictionaries of `clusters`."""

_AMBIGUOUS = re.compile(r"[yY]|[-+]?0[box][0-9a-fA-F_]*|[-+.:0-9eE_]*_[-+.:0-9eE_]*|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")
"""Text that `yaml_rs` leaves without quotes and YAML 1.1 reads as something else."""

_DOCUMENT_START = "---\n"

_ALIKE = bytes.maketrans(b"123456789Y+ox\n", b"000000000y-bb ")
_SIGNS = (b"_", b"|", b"0000-", b" y ", b" y:", b" 0b", b" -0")
"""One of these stands in every file with ambiguous text or with a key of several lines (which `yaml_rs` writes as a block
that nobody can read back), once characters that mean the same here are made one. Few other files have one."""


def emit(manifest: Manifest, comment: str) -> bytes:
    """The file of `manifest`: `comment` as its first line, keys in the order given, ambiguous text in quotes.

    Equal input gives equal bytes. Raises `ManifestError` for values that YAML cannot carry.
    """
    try:
        text = f"{yaml_rs.dumps(manifest)}\n"
        masked = text.encode().translate(_ALIKE)
        if any(sign in masked for sign in _SIGNS):
            text = _emit_quoting(manifest, text)
        return f"# {comment}\n{text[len(_DOCUMENT_START) :]}".encode()
    except (TypeError, ValueError) as error:
        name = str(cast("Mapping[str, object]", manifest.get("metadata") or {}).get("name", "?"))
        raise ManifestError([
            Finding(f"{manifest.get('kind', '?')} {name}", "", "yaml-unwritable", str(error), "use text, numbers, lists and mappings")
        ]) from error  # fmt: skip


def parse(text: str) -> Manifest:
    """The object in one file; raises `ValueError` when it is not one YAML mapping."""
    loaded = cast("object", yaml_rs.loads(text, parse_datetime=False))
    if not isinstance(loaded, dict):
        raise ValueError("not one mapping")  # noqa: TRY004 - callers turn it into a finding like any syntax error
    return cast("Manifest", loaded)


def _emit_quoting(manifest: Manifest, text: str) -> str:
    marker = "quoted"
    while marker in text:
        marker += "-"
    replaced: list[str] = []

    def quoted(text: str) -> str:
        replaced.append(text)
        return f"{marker}{len(replaced) - 1}end"

    def mark_key(key: str) -> str:
        return quoted(key) if "\n" in key or _AMBIGUOUS.fullmatch(key) else key

    def mark(value: object) -> object:
        match value:
            case dict():
                return {mark_key(key): mark(inner) for key, inner in cast("dict[str, object]", value).items()}
            case list() | tuple():
                return [mark(inner) for inner in cast("list[object]", value)]
            case str() if _AMBIGUOUS.fullmatch(value):
                return quoted(value)
            case _:
                return value

    marked = mark(manifest)
    if not replaced:
        return text
    marked_text = f"{yaml_rs.dumps(marked)}\n"
    return re.sub(rf"{marker}(\d+)end", lambda found: _quoted(replaced[int(found[1])]), marked_text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[^ -~]", lambda found: f"\\U{ord(found[0]):08X}", escaped) + '"'
