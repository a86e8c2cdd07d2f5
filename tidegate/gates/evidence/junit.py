"""Results as JUnit's XML, which every CI shows."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from tidegate.gates.merge import GateResult, State
from tidegate.gates.verdict import Outcome


def junit(results: Sequence[GateResult]) -> str:
    """One test case for each gate: `failure` for what failed, `skipped` for what a failure spared, `error` for all else that is no pass."""
    counts = {name: sum(_kind(one) == name for one in results) for name in ("failure", "error", "skipped")}
    found = f'tests="{len(results)}" failures="{counts["failure"]}" errors="{counts["error"]}" skipped="{counts["skipped"]}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="tidegate gates" {found} time="{sum(one.seconds for one in results):.1f}">',
    ]
    for one in results:
        name = quoteattr(_plain(one.picked.title))
        lines.append(f'  <testcase classname="tidegate.gates" name={name} time="{one.seconds:.1f}">')
        said = _plain("\n".join(one.verdict.lines()))
        if kind := _kind(one):
            message = quoteattr(_plain(one.verdict.lines()[1].strip()))
            lines.append(f"    <{kind} message={message}>{escape(said)}</{kind}>")
        lines += [f"    <system-out>{escape(said)}</system-out>", "  </testcase>"]
    return "\n".join([*lines, "</testsuite>", ""])


def _kind(result: GateResult) -> str:
    if result.state is State.SKIPPED:
        return "skipped"
    return {Outcome.PASS: "", Outcome.FAIL: "failure"}.get(result.verdict.outcome, "error")


def _plain(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(one for one in text if one in "\t\n" or one.isprintable())
