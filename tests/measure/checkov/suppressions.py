"""Findings of checkov that we live with: each names who says so, why, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=20, max_length=400)]


class Suppression(BaseModel):
    """One accepted finding. `resource` is a glob over checkov's resource names, `reason` a full sentence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: Annotated[str, StringConstraints(pattern=r"^CKV2?_[A-Z0-9]+_[0-9]+$")]
    resource: Annotated[str, StringConstraints(min_length=3)]
    reason: Text
    owner: Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]+@[a-z0-9.-]+$")]
    expires: datetime.date


class Suppressions(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suppressions: Annotated[tuple[Suppression, ...], Field(min_length=0)]


@dataclass(frozen=True, slots=True, order=True)
class Failed:
    """One failed check of checkov."""

    check: str
    resource: str
    file: str
    name: str


def read_suppressions(path: Path) -> tuple[Suppression, ...]:
    """The file's suppressions; raises pydantic's error for one that lacks a part."""
    return Suppressions.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).suppressions


def judge(failed: Iterable[Failed], suppressions: Iterable[Suppression], today: datetime.date) -> Iterator[str]:
    """One line per problem: a finding nobody explains, an explanation that ran out, one that explains nothing."""
    used: set[Suppression] = set()
    known = tuple(suppressions)
    for one in sorted(set(failed)):
        matching = [each for each in known if each.check == one.check and fnmatchcase(one.resource, each.resource)]
        used.update(matching)
        if not matching:
            yield f"{one.file}: {one.resource}: {one.check} {one.name}; mend it, or suppress it with reason, owner and expiry"
    for each in known:
        if each.expires < today:
            yield f"suppressions.yaml: {each.check} {each.resource}: expired on {each.expires}; {each.owner} mends it or renews it"
        if each not in used:
            yield f"suppressions.yaml: {each.check} {each.resource}: nothing fails this check any more; remove it"
