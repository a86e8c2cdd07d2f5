"""`tidegate gate show` and `tidegate gate verify`: evidence that was kept, and who signs it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.checkout import Checkout
    from tidegate.gates.evidence.manifest import Manifest
    from tidegate.signing.keys import Signer

Bundle = Annotated[
    Path,
    typer.Argument(
        exists=True, file_okay=False, help="The folder of the bundle, as `tidegate gate pr` prints it, or one that holds it alone."
    ),
]


def show(bundle: Bundle, json: Json = False) -> None:
    """Show what a bundle of evidence says, without checking it."""
    from tidegate.repository.merge.verify import only_bundle, read_manifest, read_verdict

    screen, bundle = Screen(json), only_bundle(bundle)
    manifest = read_manifest(bundle)
    _show_manifest(screen, manifest)
    verdicts = [read_verdict(bundle, entry) for entry in manifest.gates]
    for entry, verdict in zip(manifest.gates, verdicts, strict=True):
        lines = verdict.lines()[1:] if verdict else [f"  {entry.verdict} cannot be read; `tidegate gate verify` makes it again"]
        screen.text("\n".join([f"{entry.gate} {entry.subject}".strip() + f": {entry.said}", *lines]))
    screen.text(f"{manifest.outcome}; nothing of this was checked, which `tidegate gate verify` does.")
    screen.answer({"digest": manifest.digest, "manifest": manifest, "verdicts": verdicts})


def verify(
    bundle: Bundle,
    key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The public key (PEM) to trust. Default: the committed one, or this machine's own."),
    ] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Take a bundle that nobody signed for what it is.")] = False,
    only: Annotated[str, typer.Option("--gate", help="End with the outcome of this gate; a pass where the change does not need it.")] = "",
    json: Json = False,
) -> None:
    """Check digests and signature of a bundle, and judge every gate again from its samples alone."""
    from tidegate.checkout import find_checkout
    from tidegate.errors import UsageError
    from tidegate.gates.names import ORDER
    from tidegate.repository.merge.verify import only_bundle, verify_bundle

    if only and only not in ORDER:
        raise UsageError(f"--gate {only} is no gate; write one of {', '.join(ORDER)}")
    screen, checkout = Screen(json), find_checkout()
    found = verify_bundle(checkout, only_bundle(bundle), _trusted(checkout, key), unsigned_too=unsigned, say=screen.progress)
    for one in found.gates:
        said = one.verdict.outcome if one.verdict else one.entry.said if one.entry.samples is None else "cannot be judged again"
        screen.text(f"{one.entry.gate} {one.entry.subject}".strip() + f": {said}")
    for problem in found.problems:
        screen.text(f"Problem: {problem}")
    signed = f"signed with {found.manifest.signed_by}" if found.manifest.signed_by else "not signed"
    counted = (
        f"problems: {len(found.problems)}, so it proves nothing" if found.problems else f"every verdict follows from its samples; {signed}"
    )
    screen.text(f"{found.outcome}: {counted}.")
    ended = found.outcome_of(only) if only else found.outcome
    if only:
        picked = any(one.entry.gate == only for one in found.gates)
        screen.text(f"{only}: {ended}" if picked else f"{only}: {ended}: the change does not need it")
    screen.answer(
        {
            "digest": found.manifest.digest, "outcome": ended, "problems": found.problems, "signed_by": found.manifest.signed_by,
            "gates": [{"gate": one.entry.gate, "subject": one.entry.subject, "verdict": one.verdict} for one in found.gates],
        }
    )  # fmt: skip
    raise typer.Exit(ended.exit_code)


def _show_manifest(screen: Screen, manifest: Manifest) -> None:
    judged = f"the working tree above {manifest.head.commit[:12]}" if manifest.head.is_working_tree else manifest.head.commit[:12]
    signed = f"says to be signed with {manifest.signed_by}" if manifest.signed_by else "not signed: anybody may have written it"
    screen.text(f"{manifest.digest}: {judged} against {manifest.base[:12]}, {manifest.made_at}; {signed}")
    machine = manifest.machine
    screen.text(f"On {machine.system}, {machine.processors} processors, {machine.memory_gib} GiB, with {_tools(manifest)}")
    models = [(f"{one.tenant}/{one.model}", one.version, one.sha256[:12]) for one in manifest.models]
    if models:
        screen.table("Models that the change is about", ["model", "version", "sha256"], models)
    screen.table(
        "Gates", ["gate", "of", "outcome", "seconds"], [(one.gate, one.subject, one.said, f"{one.seconds:.1f}") for one in manifest.gates]
    )
    for note in manifest.notes:
        screen.text(note)


def _tools(manifest: Manifest) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(manifest.tools.items()))


@contextmanager
def signer_of(checkout: Checkout, key: Path | None, screen: Screen) -> Generator[Signer | None]:
    """Who signs: the key in `key`, else that of the running region's Vault; None where neither is, which is said."""
    from tidegate.embedded.vault.evidence_key import region_key
    from tidegate.errors import TidegateError
    from tidegate.signing.evidence import EVIDENCE_KEY
    from tidegate.signing.keys import KeyFile

    if key:
        yield KeyFile(EVIDENCE_KEY, key)
        return
    with ExitStack() as stack:
        signer = None
        try:
            if found := stack.enter_context(region_key(checkout, screen.progress)):
                found.public_pem()
                signer = found
        except TidegateError as error:
            screen.progress("evidence", f"is not signed: {error}")
        yield signer


def _trusted(checkout: Checkout, key: Path | None) -> dict[str, str]:
    from tidegate.facts.inventory.catalogue import KEYS
    from tidegate.signing.evidence import EVIDENCE_KEY
    from tidegate.signing.keys import embedded_keys, embedded_signer

    committed = checkout.root / KEYS / f"{EVIDENCE_KEY}.pem"
    if path := key or (committed if committed.is_file() else None):
        return {EVIDENCE_KEY: path.read_text(encoding="utf-8", errors="replace")}
    if (embedded_keys() / f"{EVIDENCE_KEY}.key").is_file():
        return {EVIDENCE_KEY: embedded_signer(EVIDENCE_KEY).public_pem()}
    return {}
