"""Somebody who may call a tenant's models, and how often."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from tidegate.facts.fact import Fact, Subject, refuse
from tidegate.facts.names import TenantName


class Caller(Fact):
    """Somebody who may call this tenant's models: a subject of the token issuer, or another tenant in the mesh."""

    subject: Subject | None = None
    """The `sub` of a token, exactly; no wildcards."""
    tenant: TenantName | None = None
    """A tenant whose pods may call from inside the mesh."""
    requests_per_second: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Of the tenant's rate, the most that this subject may take, per cluster. Absent means half of it, so that one caller that floods
    leaves the other half to the others; the whole of it where a tenant has no other subject."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.subject is None) == (self.tenant is None):
            raise refuse("caller-ambiguous", "a caller is either a subject or a tenant", "write exactly one of the two")
        if self.tenant and self.requests_per_second:
            raise refuse(
                "caller-rate-in-mesh", "changes nothing, because a tenant in the mesh does not pass the edge, where requests are counted",
                "remove it", at="requests_per_second", value=self.requests_per_second,
            )  # fmt: skip
        return self


def rates(callers: tuple[Caller, ...], of_tenant: int) -> dict[str, int]:
    """Requests per second of each subject in force, where the tenant has `of_tenant`."""
    subjects = {caller.subject: caller.requests_per_second for caller in callers if caller.subject}
    usual = of_tenant if len(subjects) == 1 else math.ceil(of_tenant / 2)
    return {subject: own or usual for subject, own in subjects.items()}
