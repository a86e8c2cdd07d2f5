"""Tables of documents."""

from __future__ import annotations


def table(document: str, header: str) -> list[list[str]]:
    """The cells of the table below `header`, without ticks."""
    _, found, below = document.partition(f"\n{header}\n")
    assert found, f"no table {header}"
    lines = below.split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.replace("`", "").strip("|").split(" | ")] for line in lines]
