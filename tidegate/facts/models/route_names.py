"""The Route that users of a served model go through is called after the model; no model may have the name of one."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding

LIVE_ENDING = "-live"
"""Of the names of those Routes."""

NAME_OF_A_ROUTE = ("a model's name ends like those of Routes that users go through", "choose another name")


def name_findings(source: str, name: str) -> Iterator[Finding]:
    """What is wrong with a model's name beside its form, in the words of the admission policy."""
    if name.endswith(LIVE_ENDING):
        yield Finding(source, f"models.{name}", "forbid-names-of-routes", *NAME_OF_A_ROUTE)
