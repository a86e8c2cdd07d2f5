"""Typed dictionaries of the custom resources we write: only the fields in use, in wire form.

The strict schemas read from the operators' own definitions (`tidegate.manifests.schemas`) are what a field is really
checked against; these types catch a typo while it is being written.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Metadata(TypedDict):
    """`metadata` of any object."""

    name: str
    namespace: NotRequired[str]
    labels: NotRequired[dict[str, str]]
    annotations: NotRequired[dict[str, str]]


class LabelSelector(TypedDict):
    """Selects by equality only."""

    matchLabels: dict[str, str]
