"""A dense pool: many small models in few pods, and who may call which of them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, Subject, refuse

PooledModels = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|([a-z0-9][a-z0-9-]{0,61})?\*)$")]
"""A model of a pool, or several: the beginning of their names and a star."""


class PoolAccess(Fact):
    """What one caller reaches of a dense pool."""

    subject: Subject
    """One of the tenant's callers."""
    models: Annotated[tuple[PooledModels, ...], Field(min_length=1, max_length=500)]
    """Names, or the beginning of names and a star: `merchant-007`, `merchant-0*`, `*`."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.models)) != len(self.models):
            raise refuse(
                "pool-access-models-twice", "an entry is listed twice", "list each once", at="models", value=", ".join(self.models)
            )
        return self


class DensePool(Fact):
    """Many small models in few pods; the artefact is then a catalogue of models with their files, which every pod has on its disk."""

    models: Annotated[int, Field(ge=2, le=5000)]
    """How many models the artefact's catalogue lists; a pod whose catalogue lists another number does not start."""
    memory_budget_gib: Annotated[float, Field(gt=0, le=64)]
    """Weights held per pod; above it the least recently used model leaves."""
    requests_per_second_per_copy: Annotated[float, Field(gt=0, le=10_000)] = 20
    """A model asked for more often than this is kept in a second pod, above twice this in a third, and so on."""
    most_copies: Annotated[int, Field(ge=1, le=50)] = 3
    """The most pods that keep the same model because it is asked for often."""
    access: Annotated[tuple[PoolAccess, ...], Field(min_length=1, max_length=1000)]
    """Which callers reach which models; who is not listed reaches none."""

    @model_validator(mode="after")
    def _callers_once(self) -> Self:
        subjects = [one.subject for one in self.access]
        if len(set(subjects)) != len(subjects):
            raise refuse(
                "pool-access-subjects-twice", "a caller is listed twice", "name all its models in one entry", at="access",
                value=", ".join(subjects),
            )  # fmt: skip
        return self
