"""The files of `policies/`: where they are, facts in place of `${...}`, and the sentences with which a policy refuses.

Rules about rendered objects take their sentences from here, so that a tenant reads the same before the merge and from the API
server (decision 0038).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from tidegate.manifests.yaml_text import parse

POLICIES = Path(__file__).resolve().parents[2] / "policies"
"""Those of the checkout that this code is in."""

_PLACEHOLDER = re.compile(r"\$\{([a-z_]+)\}")


class Sentence(NamedTuple):
    """What is wrong, and what to do: the two halves of a policy's message."""

    problem: str
    remedy: str


class _Validation(BaseModel):
    message: str


class _PolicySpec(BaseModel):
    validations: tuple[_Validation, ...]


class _Policy(BaseModel):
    """What is read of a policy here; the rest is `clusters.components.admission.policies`'."""

    spec: _PolicySpec


def placeholders(text: str) -> set[str]:
    """The facts that a policy's text asks for."""
    return set(_PLACEHOLDER.findall(text))


def filled(text: str, facts: Mapping[str, str]) -> str:
    """The text with facts in place of `${...}`; what is not among them stays."""
    return _PLACEHOLDER.sub(lambda found: facts.get(found[1], found[0]), text)


def sentences(policy: str, **facts: str) -> tuple[Sentence, ...]:
    """What `policy` says when it refuses, one for each of its validations, in their order."""
    text = (POLICIES / policy / "policy.yaml").read_text(encoding="utf-8").partition("\n---\n")[0]
    read = _Policy.model_validate(parse(filled(text, facts)))
    return tuple(Sentence(*validation.message.split("; ", 1)) for validation in read.spec.validations)
