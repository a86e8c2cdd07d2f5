"""One resource as the account lists it, in Terraform's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.facts import cloud_names, names


@dataclass(frozen=True, slots=True)
class ListedResource:
    """One resource the account holds. `type` and `id` are Terraform's.

    `name` is its Name tag, empty where it has none; `stack` the stack whose tags it bears, empty where it has none.
    """

    type: str
    id: str
    region: str
    name: str = ""
    stack: str = ""


def described(resource_type: str, resource_id: str, region: str, tags: Iterable[tuple[str, str]] = ()) -> ListedResource:
    """A listed resource, its name and stack taken from its tags."""
    by_key = dict(tags)
    cluster, stack = by_key.get(names.LABEL_CLUSTER, ""), by_key.get(names.LABEL_STACK, "")
    owner = cloud_names.stack(cluster, stack) if cluster and stack else ""
    return ListedResource(resource_type, resource_id, region, by_key.get("Name", ""), owner)
