"""Lists what an account holds, through the same API that Terraform uses, and compares it with what state says.

Each resource is named by its Terraform type and by the id `terraform import` takes for it (`keys`). Only types that the
stacks create are listed; what every account has anyway (default VPCs and all in them, AWS's own keys and policies) is left
out by the listers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidegate.cloud.account import RegionClients
from tidegate.cloud.keys import key_of
from tidegate.cloud.listed import ListedResource
from tidegate.cloud.listing_global import GLOBAL
from tidegate.cloud.listing_regional import REGIONAL
from tidegate.cloud.state import State


def list_account(regions: Sequence[RegionClients]) -> list[ListedResource]:
    """Everything the stacks could have made, in every region; what is global (IAM, Route 53) is listed once."""
    listed = [found for clients in regions for lister in REGIONAL for found in lister(clients)]
    for lister in GLOBAL:
        listed += lister(regions[0])
    return sorted(set(listed), key=lambda one: (one.type, one.id, one.region))


def missing_from(listed: Iterable[ListedResource], states: Iterable[State]) -> list[str]:
    """What some state holds and the account does not list, as `<type> <key>`; empty is what one wants to see."""
    there = {(one.type, one.id) for one in listed}
    return sorted(f"{resource_type} {key}" for resource_type, key in _held(states) - there)


def held_by_none(listed: Iterable[ListedResource], states: Iterable[State]) -> list[str]:
    """What the account lists and no state holds, as `<type> <id>`: orphans, or somebody else's."""
    held = _held(states)
    return sorted(f"{one.type} {one.id} ({one.region})" for one in listed if (one.type, one.id) not in held)


def _held(states: Iterable[State]) -> set[tuple[str, str]]:
    return {(instance.type, key_of(instance.type, instance.attributes)) for state in states for instance in state.instances}
