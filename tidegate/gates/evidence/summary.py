"""The comment of a pull request, as Markdown: how it came out, why, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.gates.change.difference import Change
from tidegate.gates.merge import GateResult, State, described, outcome_of
from tidegate.gates.verdict import Outcome

MARKER = "<!-- tidegate gates -->"
"""The first line, by which a job finds the comment that it wrote before."""

_SIGNS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.INCONCLUSIVE: "⚠️", Outcome.INVALID: "⚠️"}
_MOST_REASONS = 12
"""Of one gate; all of them are in the bundle."""


def summary(
    changes: Sequence[Change],
    results: Sequence[GateResult],
    notes: Sequence[str],
    pictures: Mapping[str, str],
    signed_by: str,
) -> str:
    """The text; `pictures` are files of the bundle by what they show."""
    outcome = outcome_of(results)
    lines = [MARKER, f"## {_SIGNS[outcome]} Tidegate gates: {outcome}", ""]
    if outcome is not Outcome.PASS:
        lines += ["Only `pass` merges.", ""]
    for note in notes:
        lines += [f"> {_text(note)}", ""]
    if results:
        lines += ["| gate | outcome | seconds | what decided |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(one.picked.title)} | {_sign(one)} {described(one)} | {one.seconds:.1f} | {_cell(_decided(one))} |" for one in results
        ]
        lines.append("")
    costs = [note for one in results for note in one.verdict.notes if note.startswith("cost of the change")]
    lines += [f"- {_text(note)}" for note in costs] + ([""] if costs else [])
    if changes:
        lines += ["<details><summary>What changes</summary>", "", *(f"- {_text(str(one))}" for one in changes), "", "</details>", ""]
    for one in results:
        if one.state is State.JUDGED:
            lines += _details(one)
    lines += [f"![{_text(shown)}]({file})" for shown, file in pictures.items()] + ([""] if pictures else [])
    signed = f"signed by `{signed_by}`" if signed_by else "**not signed**: anybody may have written it"
    lines.append(f"The evidence is {signed}. `tidegate gate verify <bundle>` judges it again from its samples.")
    return "\n".join([*lines, ""])


def _sign(result: GateResult) -> str:
    return "⏭️" if result.state is State.SKIPPED else _SIGNS[result.verdict.outcome]


def _decided(result: GateResult) -> str:
    """The first reason, and how many more there are."""
    decided = [one for one in result.verdict.reasons if one.outcome is result.verdict.outcome]
    if not decided:
        return "nothing was judged"
    more = f" (and {len(decided) - 1} more)" if len(decided) > 1 else ""
    return f"{decided[0].subject}: {decided[0].text}{more}"


def _details(result: GateResult) -> list[str]:
    lines = result.verdict.lines()[1:]
    shown = lines[:_MOST_REASONS] + ([f"  and {len(lines) - _MOST_REASONS} more in the bundle"] if len(lines) > _MOST_REASONS else [])
    return [
        f"<details><summary>{_text(result.picked.title)}: {described(result)}</summary>", "", *(f"- {_text(line.strip())}" for line in shown), "",
        "</details>", "",
    ]  # fmt: skip


def _text(text: str) -> str:
    """As it is, whatever Markdown or HTML would make of it: reasons quote what people wrote into files."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]#!":
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.replace("@", "@\u200b").split())  # so that nobody is called by a comment


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")
