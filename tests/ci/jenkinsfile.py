"""Reads the Jenkinsfile by a grammar of Groovy (tree-sitter), as calls with their arguments and what is in their braces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter
import tree_sitter_groovy

from tests.root import ROOT

JENKINSFILE = ROOT / "Jenkinsfile"


class GroovyError(Exception):
    """The text is no Groovy."""


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments, named: value) { body }`."""

    name: str
    arguments: tuple[str, ...] = ()
    named: dict[str, str] = field(default_factory=dict[str, str])
    body: tuple[Call, ...] = ()

    def all(self, name: str) -> Iterator[Call]:
        """Every call of that name inside, at any depth."""
        for one in self.body:
            if one.name == name:
                yield one
            yield from one.all(name)

    def block(self, name: str) -> Call:
        """The one of that name directly inside."""
        (found,) = [one for one in self.body if one.name == name]
        return found


def parse(text: str) -> Call:
    """The pipeline. Raises `GroovyError` for what the grammar does not take, and for anything beside one pipeline."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language()))
    root = parser.parse(text.encode()).root_node
    if root.has_error:
        raise GroovyError(f"not taken at {_first_error(root)}")
    calls = _calls(root)
    if [one.name for one in calls] != ["pipeline"]:
        raise GroovyError(f"not one pipeline: {[one.name for one in calls]}")
    return calls[0]


def _first_error(node: tree_sitter.Node) -> str:
    for child in node.children:
        if child.is_error or child.is_missing:
            return f"line {child.start_point.row + 1}"
        if child.has_error:
            return _first_error(child)
    return f"line {node.start_point.row + 1}"


def _calls(node: tree_sitter.Node) -> tuple[Call, ...]:
    found: list[Call] = []
    for child in node.named_children:
        match child.type:
            case "method_invocation" | "juxt_function_call":
                found.append(_call(child))
            case "local_variable_declaration":  # `agent none` looks like a type and a name
                kind, declared = child.named_children
                found.append(Call(_text(kind), (_text(declared),)))
            case "expression_statement":
                found += _calls(child)
            case _:
                pass
    return tuple(found)


def _call(node: tree_sitter.Node) -> Call:
    name, arguments, body = (node.child_by_field_name(field) for field in ("name", "arguments", "body"))
    arguments = arguments or node.child_by_field_name("args")
    given = [one for one in arguments.named_children if one.type not in {"map_item", "closure"}] if arguments else []
    named = [one for one in arguments.named_children if one.type == "map_item"] if arguments else []
    return Call(
        _text(name) if name else "",
        tuple(_text(one) for one in given),
        {_text(one.named_children[0]): _text(one.named_children[1]) for one in named},
        _calls(body) if body else (),
    )


def _text(node: tree_sitter.Node) -> str:
    """As it stands, without the quotes of a text."""
    text = (node.text or b"").decode()
    return text[1:-1] if text[:1] in {"'", '"'} else text
