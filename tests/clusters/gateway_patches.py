"""Where Istio puts the patches of rendered EnvoyFilters: into the chain of filters, into all hosts, into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from clusters.objects.istio import EnvoyFilter


@dataclass(frozen=True, slots=True)
class Patches:
    """Filters before all others and those before the router, fields of the table of routes, and fields of single hosts."""

    first: list[Any] = field(default_factory=list[Any])
    filters: list[Any] = field(default_factory=list[Any])
    of_all_hosts: dict[str, object] = field(default_factory=dict[str, object])
    of_host: dict[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])


def of(found: Iterable[EnvoyFilter]) -> Patches:
    """The patches of `found`, as Istio applies them: by priority."""
    patches = Patches()
    for one in sorted(found, key=lambda one: one["spec"].get("priority", 0)):
        for patch in cast("list[Any]", one["spec"]["configPatches"]):
            value = patch["patch"]["value"]
            if patch["applyTo"] == "HTTP_FILTER":
                (patches.first if patch["patch"]["operation"] == "INSERT_FIRST" else patches.filters).append(value)
            elif patch["applyTo"] == "ROUTE_CONFIGURATION":
                patches.of_all_hosts.update(value)
            else:
                patches.of_host[patch["match"]["routeConfiguration"]["vhost"]["domainName"]] = value
    return patches
