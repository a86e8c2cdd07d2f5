"""Brings the platform up for a run, notes how it is reached, and lets every worker attach to it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tests.root import ROOT
from tests.suite import times
from tests.suite.telling import tell
from tidegate.checkout import Checkout
from tidegate.embedded import emulator, example_models, lifecycle, regions
from tidegate.embedded.builds.go_programs import build
from tidegate.embedded.fleet import bring_up
from tidegate.tools.one_at_a_time import alone

CHECKOUT = Checkout(ROOT)
_COMMAND = "make test-acceptance"


class Attached(BaseModel):
    """What a worker needs to know. `is_ours` says whether this run brought the platform up, and so may end it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    programs: dict[str, Path]
    models: Path
    is_ours: bool

    def write(self, folder: Path) -> None:
        """For the workers, in the folder of the run."""
        (folder / "platform.json").write_text(self.model_dump_json(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Attached | None:
        """What was written; None when nobody brought the platform up or found it up."""
        path = folder / "platform.json"
        return cls.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None

    def running(self) -> Running:
        """The platform as tests see it."""
        local = bring_up.open_local(CHECKOUT, INVENTORY)
        ports = {name: port for name, (port, _) in local.relays().items()}
        return Running(local, self.programs, self.models, ports, self.is_ours)


def progress(subject: str, what: str) -> None:
    """Tells the person who waits."""
    tell(f"{subject}: {what}")


def bring_platform_up() -> Attached:
    """The platform of this checkout, live: used as it is when it runs, else brought up. Takes it down again when that fails.

    Waits for another command that changes the checkout, and says so: it may be the one that brings the platform up.
    """
    with alone(CHECKOUT.lock, _COMMAND, tell, tell):
        return _found_or_brought_up()


def _found_or_brought_up() -> Attached:
    local = bring_up.open_local(CHECKOUT, INVENTORY)
    is_ours = not any(local.machine(name).process() for name in REGIONS)
    try:
        with times.phase("bring-up"):
            if is_ours:
                # The other stacks have tests of their own, which wait for the provider and not for this machine's two cores.
                up = lifecycle.bring_up(CHECKOUT, progress, only_stacks=lifecycle.STACKS_FOR_REGIONS)
                if up.regions:
                    times.add(phases={f"bring-up, {name}": seconds for name, seconds in up.regions.phases.items()})
            attached = Attached(programs=dict(build(CHECKOUT, progress)), models=example_models.train(CHECKOUT, progress), is_ours=is_ours)
            running = attached.running()
            for region in REGIONS:
                running.wait_until_live(region)
            running.close()
    except BaseException:
        if is_ours:  # stacks that are applied in part may not let themselves be destroyed, and that would be told instead of the cause
            regions.take_down_regions(CHECKOUT, INVENTORY, progress)
            emulator.stop(CHECKOUT)
        raise
    return attached


def take_platform_down() -> None:
    """As `tidegate down` does: ends the regions, destroys the stacks, and raises a `TidegateError` when anything is left of them."""
    with alone(CHECKOUT.lock, _COMMAND, tell, tell), times.phase("take-down"):
        lifecycle.take_down(CHECKOUT, progress)
