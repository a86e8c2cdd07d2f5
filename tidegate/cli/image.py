"""Commands about workload images: published, listed, verified, and the signed list that admission lets them in by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json, Wait, at_work
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidegate.embedded.publishing.registry import Registry
    from tidegate.facts.models.images import CataloguedImage, ImageCatalogue
    from tidegate.signing.keys import KeyFile

image = typer.Typer(help="Publish workload images, and keep the signed list of those that may run.", no_args_is_help=True)

ListPath = Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="LIST", help="The list.json that was published.")]

Host = Annotated[
    str | None, typer.Option("--registry", help="Another way to the registry that images are named by, such as its inner host.")
]


@image.command("publish")
def publish(
    out: Annotated[Path, typer.Option(file_okay=False, help="Where to write the list, its public key and `<image>.cdx.json`.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", exists=True, dir_okay=False, help="The private key (PEM) of the list. Default: this machine's own."),
    ] = None,
    key_id: Annotated[str, typer.Option(help="The key's name, as gitops/catalogue/images has it.")] = "workload-images",
    registry: Host = None,
    retire: Annotated[list[str] | None, typer.Option(metavar="DIGEST", help="A version to take off the list (repeatable).")] = None,
    json: Json = False,
) -> None:
    """Build the workload images of the commit that is checked out, push what the registry lacks, and sign the list."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.images import build_images, read_images
    from tidegate.embedded.images.bill import bill_of
    from tidegate.embedded.images.contents import contents_of
    from tidegate.embedded.publishing import publish as publishing
    from tidegate.facts.inventory.image_catalogue import load_images
    from tidegate.facts.models.images import WORKLOAD_IMAGES
    from tidegate.signing.images import sign_images
    from tidegate.tools.files import write_whole

    screen, checkout = Screen(json), find_checkout()
    revision = publishing.committed_revision(checkout)
    signer = _signer(key_id, key)
    public = signer.public_pem()
    facts = read_images(checkout).images
    images = build_images(checkout, {}, lambda line: screen.progress("images", line), WORKLOAD_IMAGES)
    built = {name: publishing.Built(one, bill_of(one, contents_of(checkout, one, facts[name])).encode()) for name, one in images.items()}
    published = publishing.publish(
        built, _registry(registry, screen), load_images(checkout.root), revision, retired=retire or [], on_progress=screen.progress
    )
    for name, one in built.items():
        write_whole(out / f"{name}.cdx.json", one.bill)
    write_whole(out / f"{key_id}.pem", public.encode())
    write_whole(out / "list.json", sign_images(published.catalogue, signer))
    _show(screen, "Listed", published.catalogue.images)
    sent = ", ".join(published.sent) or "nothing, the registry had all of it"
    screen.text(f"Sent: {sent}. Wrote {out}/list.json; `tidegate image adopt` or `propose` takes it into the repository.")
    screen.answer({"sent": published.sent, "images": published.catalogue.images})


@image.command("list")
def listed(
    file: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, metavar="LIST", help="Default: the committed one.")] = None,
    json: Json = False,
) -> None:
    """Show which images a signed list lets in, once its signature holds."""
    screen = Screen(json)
    images = _read(file).images
    _show(screen, "Images that may run", images)
    screen.answer({"images": images})


@image.command("verify")
def verify(registry: Host = None, json: Json = False) -> None:
    """Check the committed list's signature, and that the registry holds each image of it and what is in it."""
    from tidegate.embedded.publishing.verify import verify as check
    from tidegate.errors import InventoryError

    screen, catalogue = Screen(json), _read(None)
    if findings := check(catalogue, _registry(registry, screen)):
        raise InventoryError(findings)
    screen.text(f"{len(catalogue.images)} images: the registry holds each of them, with the bill of materials that was signed.")
    screen.answer({"images": catalogue.images})


@image.command("adopt")
def adopt(path: ListPath, json: Json = False, wait: Wait = False) -> None:
    """Take a published list into the checkout, if a committed key has signed it, and render what follows."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.adopt_images import adopt as take

    screen, checkout = Screen(json), find_checkout()
    with at_work(screen, checkout, "image adopt", wait):
        is_new = take(checkout, path.read_bytes())
    screen.text("The list is in place, and what follows is rendered; commit both." if is_new else "The committed list says the same.")
    screen.answer({"changed": is_new})


@image.command("propose")
def propose(
    path: ListPath,
    base: Annotated[str, typer.Option(help="The branch that it shall be merged into.")] = "main",
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Open the pull request with a published list and what is rendered from it; once only, however often it is called."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.adopt_images import propose as offer

    screen, checkout = Screen(json), find_checkout()
    with at_work(screen, checkout, "image propose", wait):
        said = offer(checkout, path.read_bytes(), base)
    screen.text(said)
    screen.answer({"proposed": said})


def _read(path: Path | None) -> ImageCatalogue:
    from tidegate.checkout import find_checkout
    from tidegate.errors import UsageError
    from tidegate.facts.inventory.image_catalogue import LIST, load_image_keys
    from tidegate.signing.images import read_images

    root = find_checkout().root
    chosen = path or root / LIST
    if not chosen.is_file():
        raise UsageError(f"{LIST.as_posix()} is not there, so no workload image is let in; write one with `tidegate image publish`")
    return read_images(chosen.read_bytes(), load_image_keys(root))


def _registry(host: str | None, screen: Screen) -> Registry:
    from tidegate.checkout import find_checkout
    from tidegate.embedded.publishing.registry import Registry
    from tidegate.facts.names import APPROVED_REGISTRY

    return Registry.opened(find_checkout(), host or APPROVED_REGISTRY, screen.progress)


def _show(screen: Screen, title: str, images: Sequence[CataloguedImage]) -> None:
    rows = [(one.name, one.tag, one.digest, one.revision[:12], one.sbom_sha256[:12]) for one in images]
    screen.table(title, ["image", "release", "digest", "built from", "bill of materials"], rows)


def _signer(key_id: str, path: Path | None) -> KeyFile:
    from tidegate.signing.keys import KeyFile, embedded_signer

    return KeyFile(key_id, path) if path else embedded_signer(key_id)
