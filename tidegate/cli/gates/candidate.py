"""Commands that put a version beside the one that serves in a running embedded region, for its gates, and take it away."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen


def start_candidate(
    model: Annotated[str, typer.Argument(help="<tenant>/<name>.")],
    version: Annotated[str, typer.Option(help="Of the region's model registry, such as 2.")],
    region: Annotated[str, typer.Option(help="Where to bring it up.")] = "live-1",
    json: Json = False,
) -> None:
    """Bring a version up as a tenant of its own, <tenant>-gate, that only the gate may call."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.judging import candidates

    screen, checkout = Screen(json), find_checkout()
    wanted = candidates.wanted_version(open_local(checkout), model, version)
    standing = candidates.bring_up(checkout, wanted, region, screen.progress)
    screen.text(
        f"{standing.tenant.name}/{standing.model} serves version {version} at https://{standing.host}/{standing.model}, after {standing.seconds:.0f} s"
    )
    screen.answer(standing)


def remove_candidate(
    tenant: Annotated[str, typer.Argument(help="Whose candidate goes.")],
    region: Annotated[str, typer.Option(help="Where it is.")] = "live-1",
    json: Json = False,
) -> None:
    """Remove a tenant's candidate by its tombstone, and wait until nothing is left of it."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.judging import candidates

    screen = Screen(json)
    seconds = candidates.remove(find_checkout(), tenant, region, "Its gates have ended.", screen.progress)
    screen.text(f"{tenant} has no candidate in {region}" + (f", after {seconds:.0f} s" if seconds else ""))
    screen.answer({"tenant": tenant, "region": region, "seconds": seconds})
