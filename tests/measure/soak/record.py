"""`out/soak.json`: what `make soak` has done, so that a second run goes on from there."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.measure.soak.kill_trial import Trial
from tests.root import ROOT

OUT = ROOT / "out" / "soak.json"


class AcceptanceRun(BaseModel):
    """One whole run of the tests on regions: how long it took, how pytest ended, and which tests were red."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    seconds: float
    exit_code: int
    red: tuple[str, ...]


class MutantResult(BaseModel):
    """What the tests made of a mutant: `caught` by `red`, or they did not notice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    caught: bool
    red: tuple[str, ...]


class LongTest(BaseModel):
    """One file of long tests: how long it took, how pytest ended, and which of its tests were red."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    seconds: float
    exit_code: int
    red: tuple[str, ...]


class Record(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    kill_trials: list[Trial] = Field(default_factory=list[Trial])
    acceptance_runs: list[AcceptanceRun] = Field(default_factory=list[AcceptanceRun])
    long_tests: list[LongTest] = Field(default_factory=list[LongTest])
    mutants: list[MutantResult] = Field(default_factory=list[MutantResult])

    @classmethod
    def read(cls, path: Path = OUT) -> Record:
        """What was done so far; nothing when there is no file, or one of another form."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return cls()

    def write(self, path: Path = OUT) -> None:
        """Keeps it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
