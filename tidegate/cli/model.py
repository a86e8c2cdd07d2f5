"""Commands about models: explained, signed, verified, listed and removed."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json, Reason, RequestedBy, Wait, at_work
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.signing.keys import KeyFile

model = typer.Typer(help="Explain models, sign and verify them, list those that may be served, and remove them.", no_args_is_help=True)


class Place(StrEnum):
    """Where the models are that a command reads."""

    TRAINED = "trained"
    REGIONS = "regions"
    ACCOUNT = "account"


Where = Annotated[
    Place | None,
    typer.Option(
        "--in",
        help="`trained` on this machine, in the running embedded `regions`, or in your own AWS `account`. Default: regions if they run.",
    ),
]

KeyPath = Annotated[
    Path | None, typer.Option("--key", exists=True, dir_okay=False, help="The private key (PEM). Default: this machine's own of that name.")
]


@model.command("sign")
def sign(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder with one version's files.")],
    name: Annotated[str, typer.Argument(help="<tenant>/<model>/<version>, such as fraud/scorer/2.")],
    key_id: Annotated[str, typer.Option(help="The key's name, as the tenant's file spells it.")],
    key: KeyPath = None,
    runtime: Annotated[
        str | None, typer.Option(help="What will load the files, such as triton. Default: as the tenant's file says.")
    ] = None,
    library: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VERSION", help="A library that trained it (repeatable). Default: those that its MLmodel file names."),
    ] = None,
    json: Json = False,
) -> None:
    """Sign a version's files, if its model server can load them: writes model.sig and model.statement beside them."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.sign_model import loaders_of, parse_libraries, sign_loadable

    screen = Screen(json)
    libraries = parse_libraries(library or [])
    stated = sign_loadable(folder, name, _signer(key_id, key), loaders_of(name, runtime, find_checkout), libraries)
    screen.text(f"{stated.model} is signed with {stated.key_id}: {stated.files} files of {stated.size_bytes} bytes")
    screen.text(f"  sha256: {stated.sha256}")
    used = ", ".join(f"{one} {version}" for one, version in sorted(stated.libraries.items()))
    screen.text(f"  trained with: {used or 'not known, so no server refuses it for that; --library or an MLmodel file says it'}")
    screen.answer(stated)


@model.command("verify")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="<tenant>/<model>, such as fraud/scorer. Default: all.")] = None,
    place: Where = None,
    json: Json = False,
) -> None:
    """Verify every model that a tenant's file names, as its pods would, and the committed catalogue."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.verify_models import default_place, verify_examples
    from tidegate.repository.verify_models import verify_account

    screen = Screen(json)
    checkout = find_checkout()
    if place is Place.ACCOUNT:
        verified = verify_account(checkout, names or [])
    else:
        verified = verify_examples(checkout, place.value if place else default_place(checkout), names or [], screen.progress)
    rows: list[dict[str, object]] = [{"where": where, **asdict(one)} for where, checked in verified for one in checked]
    screen.table(
        "Verified",
        ["where", "model", "key", "files", "bytes"],
        [(row["where"], row["model"], row["key_id"], row["files"], row["size_bytes"]) for row in rows],
    )
    screen.text(f"{len(rows)} models: every byte is what was signed, and signed is what the tenants' files name.")
    screen.answer({"models": rows})


@model.command("catalogue")
def catalogue(
    tenant: Annotated[str, typer.Argument(help="The tenant whose list is written.")],
    key: KeyPath = None,
    retire: Annotated[list[str] | None, typer.Option(help="A version to take off the list (repeatable).")] = None,
    place: Where = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Verify, write and sign gitops/catalogue/<tenant>.json: what its file names now, and what was listed before."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded import verify_models as examples
    from tidegate.repository import verify_models

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, f"model catalogue {tenant}", wait):
        verify_models.require_tenant(checkout, tenant)
        if place is Place.ACCOUNT:
            registries = verify_models.registries(checkout)
        else:
            registries = examples.registries(checkout, place.value if place else examples.default_place(checkout), screen.progress)
        path, listed = verify_models.write_catalogue(checkout, tenant, lambda key_id: _signer(key_id, key), retire or [], registries)
    for entry in listed:
        screen.text(f"  {entry.model:<40} {entry.sha256[:12]}  {entry.key_id}")
    screen.text(f"Wrote {path.relative_to(checkout.root).as_posix()} and the public key; run `tidegate render`, then commit.")
    screen.answer({"file": path.relative_to(checkout.root).as_posix(), "models": listed})


@model.command("key")
def public_key(
    key_id: Annotated[str, typer.Argument(help="The key's name.")],
    key: KeyPath = None,
    json: Json = False,
) -> None:
    """Print the public half of a signing key, for gitops/catalogue/keys."""
    screen = Screen(json)
    pem = _signer(key_id, key).public_pem()
    screen.text(pem.rstrip("\n"))
    screen.answer({"key_id": key_id, "public_key": pem})


@model.command("explain")
def explain(
    reference: Annotated[str, typer.Argument(metavar="MODEL", help="<tenant>/<name>, such as fraud/scorer.")],
    json: Json = False,
) -> None:
    """Tell where each value of a served model comes from, and where a region runs, why it answers or does not."""
    from tidegate.checkout import find_checkout
    from tidegate.cli.serving import diagnose, refuse_unknown, show_diagnosis
    from tidegate.repository import explain_model as explanation

    screen = Screen(json)
    checkout = find_checkout()
    rows = explanation.explain_model(checkout, reference)
    screen.table(reference, ["value", "is", "from", "why"], [(row.path, row.value, row.source, row.why) for row in rows])
    live: list[explanation.ExplainedValue] = []
    unreachable: list[str] = []
    for region, diagnosis in diagnose(screen, checkout, reference):
        show_diagnosis(screen, region, diagnosis)
        live += explanation.explain_diagnosis(region, diagnosis)
        unreachable += [] if diagnosis.known else [f"{region}: {diagnosis.cause}"]
    screen.answer([*rows, *live])
    refuse_unknown(unreachable)


@model.command("remove")
def remove(
    reference: Annotated[str, typer.Argument(metavar="MODEL", help="<tenant>/<name>, such as scoring/batch.")],
    requested_by: RequestedBy,
    reason: Reason,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Take a model out of its tenant's file and write its tombstone, which deletes it once it is rendered and committed."""
    from datetime import UTC, datetime

    from tidegate.checkout import find_checkout
    from tidegate.repository.remove_model import remove_model

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, f"model remove {reference}", wait):
        removed = remove_model(checkout, reference, requested_by, reason, datetime.now(UTC).date())
    screen.text(f"Changed {removed.changed} and wrote {removed.written}. `tidegate render` and the commit of both confirm the deletion.")
    screen.answer(removed)


def _signer(key_id: str, path: Path | None) -> KeyFile:
    from tidegate.signing.keys import KeyFile, embedded_signer

    return KeyFile(key_id, path) if path else embedded_signer(key_id)
