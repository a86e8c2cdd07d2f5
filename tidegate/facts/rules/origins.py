"""Whether the origins that a tenant names count in any of its clusters."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from tidegate.errors import Finding
from tidegate.facts.callers.origin import LOCAL_PAGES
from tidegate.facts.stage import Stage
from tidegate.facts.tenant import Tenant


def origin_findings(source: str, tenant: Tenant, stages: AbstractSet[Stage]) -> Iterator[Finding]:
    """Pages on somebody's own machine, where every cluster of the tenant, of `stages`, is production."""
    if stages != {Stage.PRODUCTION}:
        return
    for index, origin in enumerate(tenant.cors_origins):
        if origin.startswith(LOCAL_PAGES):
            yield Finding(
                source, f"cors_origins[{index}]", "origin-local-in-production",
                "any program of a user's machine can show a page from there, so production admits none",
                "remove it, or add a cluster of another stage to clusters", origin,
            )  # fmt: skip
