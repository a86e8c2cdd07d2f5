"""`tidegate gate pr`: judges a whole change."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.model import KeyPath, Place, Where
from tidegate.cli.options import Json
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.checkout import Checkout
    from tidegate.gates.merge import Gate, GateResult
    from tidegate.repository.merge.changes import PullRequest
    from tidegate.signing.review import Checked


def pr(
    base: Annotated[str, typer.Option(help="The revision that the change shall be merged into, such as main.")],
    head: Annotated[str | None, typer.Option(help="The revision to judge. Default: the files as they are.")] = None,
    region: Annotated[str, typer.Option(help="The running embedded region to bring candidates up in.")] = "live-1",
    place: Where = None,
    out: Annotated[Path | None, typer.Option(file_okay=False, help="Where to keep the evidence. Default: out/gates.")] = None,
    key: KeyPath = None,
    json: Json = False,
) -> None:
    """Find what changed, pick the gates that it needs, run them in order of cost, and keep the evidence."""
    import shutil
    import time
    from datetime import UTC, datetime

    from tidegate.checkout import find_checkout
    from tidegate.cli.gates.evidence import signer_of
    from tidegate.facts.models.embedded_profile import NO_EVIDENCE
    from tidegate.gates.merge import outcome_of, run_gates
    from tidegate.gates.names import DYNAMIC
    from tidegate.repository.merge.bundle import SUMMARY, this_machine, write_bundle
    from tidegate.repository.merge.changes import read_pull_request
    from tidegate.repository.merge.painters import paint
    from tidegate.repository.merge.static_gates import StaticGates

    screen, checkout = Screen(json), find_checkout()
    screen.progress("change", f"comparing with {base}")
    with read_pull_request(checkout, base, head) as change:
        _show_change(screen, change)

        def verify(models: Collection[str]) -> Iterable[tuple[str, Sequence[Checked]]]:
            return _verified(checkout, change.tree.checkout, place, models, screen)

        static = StaticGates(change, verify, screen.progress).gates()
        with dynamic_gates(checkout, change, region, screen) as dynamic:
            results = run_gates(change.picked, {**static, **dynamic}, screen.progress, time.monotonic)
        outcome = outcome_of(results)
        show_results(screen, results)
        notes = [*change.notes, *([NO_EVIDENCE] if any(one.gate in DYNAMIC for one in change.picked) else [])]
        with signer_of(checkout, key, screen) as signer:
            place_kept, manifest = write_bundle(
                (out or checkout.out / "gates").absolute(), change, results, notes=notes, made_at=datetime.now(UTC), machine=this_machine(),
                signer=signer, pictures=paint(checkout, results),
            )  # fmt: skip
        if out:  # where a pipeline finds what it writes beside the change
            shutil.copyfile(place_kept / SUMMARY, out / SUMMARY)
        for note in notes:
            screen.text(note)
        signed = f"signed with {manifest.signed_by}" if manifest.signed_by else "not signed: anybody may have written it"
        screen.text(f"{base}: {outcome}. The evidence is in {place_kept}, {signed}.")
        screen.answer(
            _answer(change, results) | {"outcome": outcome, "notes": notes, "bundle": place_kept, "signed_by": manifest.signed_by}
        )
    raise typer.Exit(outcome.exit_code)


@contextmanager
def dynamic_gates(checkout: Checkout, change: PullRequest, region: str, screen: Screen) -> Generator[dict[str, Gate]]:
    """The gates that ask a candidate, by name, as long as the candidate is there. One that is not here stands as not executed."""
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.judging.candidate_gates import candidate_gates

    judged = change.tree.platform
    runs = judged is not None and open_local(checkout).machine(region).process() is not None
    if not runs or judged is None:
        yield {}
        return
    with candidate_gates(checkout, judged, change.tree.checkout.root, change.ends.base, region=region, say=screen.progress) as gates:
        yield gates


def _verified(
    checkout: Checkout, tree: Checkout, place: Place | None, models: Collection[str], screen: Screen
) -> Iterable[tuple[str, Sequence[Checked]]]:
    from tidegate.embedded.verify_models import default_place, verify_examples
    from tidegate.repository.verify_models import verify_account

    if place is Place.ACCOUNT:
        return verify_account(tree, models)
    return verify_examples(checkout, place.value if place else default_place(checkout), models, screen.progress, root=tree.root)


def _show_change(screen: Screen, change: PullRequest) -> None:
    rows = [(one.subject, one.kind, one.what) for one in change.changes]
    if rows:
        screen.table("What changes", ["of", "about", "what"], rows)
        screen.text(f"{len(change.picked)} gates: {', '.join(one.title for one in change.picked)}")


def show_results(screen: Screen, results: Sequence[GateResult]) -> None:
    """Every gate with its reasons, as text."""
    from tidegate.gates.merge import State, described

    for result in results:
        lines = result.verdict.lines()
        first = f"{result.picked.title}: {described(result)}"
        screen.text(
            "\n".join([first, *(lines[1:] if result.state is State.JUDGED else [f"  {one.text}" for one in result.verdict.reasons])])
        )


def _answer(change: PullRequest, results: Sequence[GateResult]) -> dict[str, object]:
    from tidegate.gates.merge import described

    return {
        "base": change.ends.base, "head": change.ends.head, "working_tree": change.ends.is_working_tree,
        "uncommitted": change.ends.uncommitted, "changes": change.changes,
        "gates": [
            {
                "gate": one.picked.gate, "subject": one.picked.subject, "because": one.picked.because, "state": one.state,
                "outcome": one.verdict.outcome, "said": described(one), "reasons": one.verdict.reasons, "notes": one.verdict.notes,
                "seconds": round(one.seconds, 1),
            }
            for one in results
        ],
    }  # fmt: skip
