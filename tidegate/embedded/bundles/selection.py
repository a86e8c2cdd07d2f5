"""Which entries of a bundle are for this tree, and which of them the cache lacks."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tidegate.checkout import Checkout
from tidegate.embedded.bundles import pieces
from tidegate.embedded.bundles.facts import BundleEntry, Manifest
from tidegate.embedded.bundles.pieces import Piece
from tidegate.embedded.images.build import images_store
from tidegate.embedded.images.store import Blob, is_whole
from tidegate.errors import BundleError


def fitting(checkout: Checkout, wanted: Sequence[Piece], manifest: Manifest, name: str) -> list[BundleEntry]:
    """The entries that this tree, which wants `wanted`, asks for, blobs included.

    Raises `BundleError`, which calls the bundle `name` and says what differs, when it is of other inputs altogether.
    """
    places = {(piece.kind, piece.key): piece.path for piece in wanted}
    named = {entry.path: entry for entry in manifest.entries if places.get((entry.kind, entry.key)) == entry.path}
    if any(entry.kind == "program" for entry in named.values()):
        needed = {digest for entry in named.values() for digest in entry.blobs}
        return [entry for entry in manifest.entries if entry.path in named or (entry.kind == "blob" and entry.key in needed)]
    differences: list[str] = []
    mine = pieces.inputs(checkout)
    for input_name in sorted(mine.keys() | manifest.inputs.keys()):
        theirs, ours = manifest.inputs.get(input_name, "none"), mine.get(input_name, "none")
        if theirs != ours:
            differences.append(f"{input_name} {theirs} (here {ours})")
    raise BundleError(
        f"{name} was made from other inputs, and no program in it is one of this tree: {'; '.join(differences or ['how its pieces are named'])}; "
        "export one from this tree with the same tools, or take the tree and the tools that it was made with"
    )


def to_write(asked_for: Sequence[BundleEntry], there: Collection[tuple[str, str]]) -> list[BundleEntry]:
    """Of the entries that `fitting` gives those that are not there, by kind and key, and the blobs that they need."""
    store = images_store()
    lacking = {entry.path: entry for entry in asked_for if entry.kind != "blob" and (entry.kind, entry.key) not in there}
    needed = {digest for entry in lacking.values() for digest in entry.blobs}

    def is_lacking(entry: BundleEntry) -> bool:
        if entry.kind != "blob":
            return entry.path in lacking
        blob = Blob(f"sha256:{entry.key}", entry.size_bytes)
        return entry.key in needed and not is_whole(store.path(blob), blob)

    return [entry for entry in asked_for if is_lacking(entry)]
