"""Break-glass: what is let in although an admission policy refuses it, until when, and how the API server learns of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, cast

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from tidegate.facts import names
from tidegate.facts.fact import Email, Fact, refuse

EXEMPTIONS = Path("policies/exemptions.yaml")

LONGEST_EXEMPTION = timedelta(hours=72)
"""Over a weekend; what must last longer is a change of the policy."""

POLICY_NAME = r"^(require|forbid|limit|default)-[a-z0-9-]+$"


class Exemption(Fact):
    """One object, or all whose names begin alike, which a policy lets in until `until`."""

    policy: Annotated[str, StringConstraints(pattern=POLICY_NAME)]
    cluster: names.ClusterName
    namespace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*\*?$", max_length=253)]
    """A name, or the beginning of names and `*`: pods have random ends."""
    granted: AwareDatetime
    until: AwareDatetime
    """At most `LONGEST_EXEMPTION` after `granted`. Afterwards the entry does nothing and may be deleted."""
    who: Email
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ,.:;()/#_-]{10,200}$")]
    """Goes into the audit log."""

    @model_validator(mode="after")
    def _ends_soon(self) -> Exemption:
        if not self.granted < self.until <= self.granted + LONGEST_EXEMPTION:
            problem, remedy = "does not end within 72 hours of its granting", "choose an end after it and within 72 hours"
            raise refuse("exemption-too-long", problem, remedy, at="until", value=self.until.isoformat())
        return self


class Exemptions(Fact):
    """The file of exemptions."""

    exemptions: Annotated[tuple[Exemption, ...], Field(max_length=20)] = ()


def let_in(spec: dict[str, object], exempt: Sequence[Exemption]) -> None:
    """Changes a policy's `spec`: what an exemption names passes every rule until its end, and is in the audit log whenever it does.

    CEL has no clock. A new object carries the time of its making and a changed one that of its last change, both set by the
    API server before admission; an object without either is not exempt, nor is a deletion. An empty text is not logged.
    """
    matched = " : ".join(f"{_names(entry)} && {_before(entry)} ? {json.dumps(f'{entry.who} {entry.reason}')}" for entry in exempt)
    known = cast("list[object]", spec.get("variables") or [])
    spec["variables"] = [{"name": "exempt", "expression": f"object == null ? '' : {matched} : ''"}, *known]
    for validation in cast("list[dict[str, str]]", spec["validations"]):
        validation["expression"] = f"variables.exempt != '' || ({validation['expression']})"
    spec["auditAnnotations"] = [{"key": "exempt", "valueExpression": "variables.exempt"}]


def _names(entry: Exemption) -> str:
    beginning = entry.name.removesuffix("*")
    name = f"object.metadata.name.startsWith('{beginning}')" if entry.name.endswith("*") else f"object.metadata.name == '{beginning}'"
    return f"request.?namespace.orValue('') == '{entry.namespace}' && {name}"


def _before(entry: Exemption) -> str:
    end = f"timestamp('{entry.until.isoformat()}')"
    changes = "object.metadata.?managedFields.orValue([])"
    return (
        f"(request.operation == 'CREATE' ? timestamp(object.metadata.creationTimestamp) < {end} : "
        f"{changes}.exists(change, has(change.time)) && {changes}.all(change, has(change.time) && timestamp(change.time) < {end}))"
    )
