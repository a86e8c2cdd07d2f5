"""Commands about bundles: what a team builds once and shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import BundleKey, Json
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.embedded.bundles.import_bundle import Imported

bundle = typer.Typer(
    help="Share what was built: one signed file for everything that `tidegate up` compiles.", no_args_is_help=True, rich_markup_mode=None
)


@bundle.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, or a folder for a file named as `tidegate local bundle name` says.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", help="The private key that signs it (PEM, P-256). Default: this machine's own, made at first use."),
    ] = None,
    json: Json = False,
) -> None:
    """Build what the cache lacks and write all of it into one signed file."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.bundles.export_bundle import export_bundle
    from tidegate.embedded.bundles.signature import signing_key

    screen = Screen(json)
    signer = signing_key(key)
    made = export_bundle(find_checkout(), file, signer, screen.progress)
    public = made.path.with_name(f"{made.path.name}.pub")
    public.write_text(signer.public_pem(), encoding="ascii")
    screen.table("Packed", ["what", "pieces"], list(made.pieces.items()))
    screen.text(
        f"{made.path}: {made.size_bytes / 1e6:.0f} MB for {made.content_bytes / 1e6:.0f} MB, packed in {made.seconds:.0f} s. "
        f"{public.name} is the key that verifies it; get it to others by another way than the bundle."
    )
    screen.answer({**{name: getattr(made, name) for name in made.__slots__}, "public_key": public})


@bundle.command("import")
def import_(
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="A file, or an https:// address.")],
    bundle_key: BundleKey = None,
    json: Json = False,
) -> None:
    """Fill the cache from a bundle, after its signature and every byte of it were checked."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.bundles.import_bundle import import_bundle

    screen = Screen(json)
    brought = import_bundle(find_checkout(), source, bundle_key, screen.progress)
    if brought.written:
        screen.table("Written", ["what", "pieces"], list(brought.written.items()))
    for line in summary(brought):
        screen.text(line)
    screen.answer(brought)


@bundle.command("name")
def name() -> None:
    """Print the file name that stands for all that this tree builds; the same wherever the same would be built."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.bundles.export_bundle import bundle_name

    print(bundle_name(find_checkout()))


def summary(brought: Imported) -> list[str]:
    """What an import did, and what is left to be built."""
    told = (
        f"{brought.source}: {sum(brought.written.values())} pieces written, {brought.size_bytes / 1e6:.0f} MB in {brought.seconds:.0f} s; "
        f"{brought.there_already} were there, {brought.not_of_this_tree} are not of this tree."
    )
    lines = [told]
    if brought.lacking:
        named = ", ".join(brought.lacking[:6]) + (" ..." if len(brought.lacking) > 6 else "")
        lines.append(f"Left to be built here: {len(brought.lacking)}: {named}.")
    return lines
