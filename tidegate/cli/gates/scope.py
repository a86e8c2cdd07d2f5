"""`tidegate gate scope`: what a pipeline asks first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen


def scope(
    base: Annotated[str, typer.Option(help="The revision that the change is to be merged into.")],
    outputs: Annotated[Path | None, typer.Option(dir_okay=False, help="A file to append `region=true` or `region=false` to.")] = None,
    json: Json = False,
) -> None:
    """Say whether a change needs a region to be judged, or is one of documents only."""
    from tidegate.checkout import find_checkout
    from tidegate.gates.scope import scope_of
    from tidegate.repository.changed_files import changed_files

    screen = Screen(json)
    paths = changed_files(find_checkout(), base)
    found = scope_of(paths)
    screen.text(found.why)
    if outputs:
        outputs.parent.mkdir(parents=True, exist_ok=True)
        with outputs.open("a", encoding="utf-8") as file:
            file.write(f"region={str(found.region).lower()}\n")
    screen.answer({"region": found.region, "why": found.why, "files": paths})
