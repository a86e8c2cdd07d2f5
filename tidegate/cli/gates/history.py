"""Commands of the nightly: measure, judge by what was before, accept what is meant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json, Reason
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.gates.history.nights import HistorySamples

History = Annotated[Path, typer.Option("--history", dir_okay=False, help="The file with a line for each night.")]
Night = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Another night than the one of today (UTC).")]
CODES = "Exit codes: 0 pass, 1 fail, 3 inconclusive, 4 invalid (docs/ci.md)."


def nightly(
    history: History,
    out: Annotated[Path, typer.Option(file_okay=False, help="Where recordings, a copy of the history and the trend page go.")],
    night: Night = None,
    json: Json = False,
) -> None:
    """Measure every model of the running regions, add the night to the history, and judge it."""
    from tidegate import tools
    from tidegate.checkout import find_checkout
    from tidegate.embedded import example_models
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.judging.nightly import measure_fleet
    from tidegate.gates.history import nights
    from tidegate.repository.night_history import append, read_samples
    from tidegate.tools.files import write_whole

    screen, checkout = Screen(json), find_checkout()
    revision = tools.run(["git", "rev-parse", "HEAD"], cwd=checkout.root).stdout.strip()
    found = measure_fleet(checkout, open_local(checkout), lambda: example_models.train(checkout, screen.progress), out, screen.progress)
    append(history, nights.Night(night=_day(night), revision=revision, figures=found.figures, unmeasured=found.unmeasured))
    write_whole(out / "history.jsonl", history.read_bytes())
    _judge(screen, read_samples(history, _day(night)), out / "trend.html")


def judged(
    history: History,
    page: Annotated[Path | None, typer.Option(dir_okay=False, help="Where to write the trend page (HTML).")] = None,
    night: Night = None,
    json: Json = False,
) -> None:
    """Judge a night again by the history alone."""
    from tidegate.repository.night_history import read_samples

    _judge(Screen(json), read_samples(history, _day(night)), page)


def accept(
    series: Annotated[str, typer.Argument(help="As the verdict names it: `fraud/scorer p99`.")],
    history: History,
    night: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first one of the shift, as the verdict names it.")],
    by: Annotated[str, typer.Option(help="Mail address of who answers for it.")],
    reason: Reason,
) -> None:
    """Accept that a series is worse from a night on."""
    from pydantic import ValidationError

    from tidegate.errors import UsageError
    from tidegate.gates.history.nights import Accepted
    from tidegate.repository.night_history import append

    try:
        line = Accepted(accepted=series, night=night.date(), by=by, reason=reason)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"--{first['loc'][0]}: {first['msg']}") from error
    append(history, line)
    Screen().text(f"{series}: accepted from {line.night} on; the next verdict says so")


def _day(night: datetime | None) -> date:
    return (night or datetime.now(UTC)).date()


def _judge(screen: Screen, samples: HistorySamples, page: Path | None) -> None:
    from tidegate.gates.history.judge import judge
    from tidegate.gates.history.page import page as drawn
    from tidegate.tools.files import write_whole

    verdict = judge(samples)
    if page:
        write_whole(page, drawn(samples).encode())
    screen.text("\n".join(verdict.lines()))
    screen.answer({"gate": verdict.gate, "outcome": verdict.outcome, "reasons": verdict.reasons, "notes": verdict.notes})
    raise typer.Exit(verdict.outcome.exit_code)
