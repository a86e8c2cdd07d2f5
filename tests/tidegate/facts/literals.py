"""Finds ports, namespaces, labels and prices that are spelled where they are used, by the syntax tree of a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tidegate.facts import names

WORDS = frozenset({"argocd", "external-dns", "gpu-operator", "karpenter", "kserve", "monitoring", "platform", "vault"})
"""Namespaces that are also names of other things; they are found in the position of a namespace only."""

NAMESPACES = frozenset(names.PLATFORM_NAMESPACES) - WORDS
LABELS = {
    value: name
    for name, value in vars(names).items()
    if isinstance(value, str) and name.startswith(("ANNOTATION_", "GPU_TAINT", "HEADER_", "KSERVE_LABEL_MODEL", "LABEL_", "TAG_"))
}
OWN_PREFIX = "tidegate.dev/"
NO_PORTS = frozenset({"services.nodeports"})
"""Keys that end like a port and count something."""


def literals(source: str) -> list[str]:
    """One line for each literal: `<line>: <what>`."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    found = {line for node in ast.walk(tree) if id(node) not in prose for line in _in(node)}
    return sorted(found)


def _in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Dict(keys, values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant):
                    yield from _at(str(key.value), value)
        case ast.keyword(str() as name, value):
            yield from _at(name, value)
        case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
            yield from _at(name.lower(), value)
        case ast.Call(ast.Name(name) | ast.Attribute(_, name), arguments):
            yield from _called(name, arguments)
        case ast.Constant(str() as value):
            yield from _anywhere(node.lineno, value)
        case _:
            pass


def _called(name: str, arguments: list[ast.expr]) -> Iterator[str]:
    if name.lower().endswith(("port", "ports")):
        for argument in arguments:
            yield from _at("port", argument)
    if name == "InstanceShape":
        yield from (f"{each.lineno}: a machine's size and price" for each in arguments if isinstance(each, ast.Constant))


def _anywhere(line: int, value: str) -> Iterator[str]:
    """What is found in any position, because it means nothing else."""
    if value in NAMESPACES:
        yield f"{line}: namespace {value}"
    if value in LABELS or (value.startswith(OWN_PREFIX) and " " not in value):
        yield f"{line}: label {value}"


def _at(position: str, value: ast.expr) -> Iterator[str]:
    words = position.lower().replace("-", "_").split("_")
    for each in value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else [value]:
        if not isinstance(each, ast.Constant) or isinstance(each.value, bool) or each.value in {None, "", 0}:
            continue
        text = str(each.value)
        if {"namespace", "namespaces"} & set(words) or words[-1].endswith(("namespace", "namespaces")):
            yield f"{each.lineno}: namespace {text}"
        if words[-1].endswith(("port", "ports")) and text.isdigit() and position not in NO_PORTS:
            yield f"{each.lineno}: port {text}"
