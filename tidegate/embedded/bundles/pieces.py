"""What this tree wants built: each piece by kind and key, and where the cache keeps it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded import digest, example_models
from tidegate.embedded.builds import sources
from tidegate.embedded.builds.go_programs import PROGRAMS_FILE, go_version, program_paths, programs_folder
from tidegate.embedded.bundles.facts import Kind
from tidegate.embedded.fleet import bring_up
from tidegate.embedded.images import python_site
from tidegate.embedded.images.build import FOLDER, images_store, read_images, remembered_images
from tidegate.embedded.images.layout import blobs_of
from tidegate.embedded.images.machine_root import machine_root_folder
from tidegate.embedded.images.store import Blob, is_whole
from tidegate.embedded.model_index import INDEX
from tidegate.facts.inventory.releases import RELEASES
from tidegate.repository import schemas

_SOURCES = (PROGRAMS_FILE.parent, FOLDER, example_models.SOURCES, Path("clusters/addons"), Path("locks"))
"""Folders whose content decides what is built; a bundle from another tree names the one that differs."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file or folder that the cache has, or would have after a bring-up."""

    kind: Kind
    key: str
    path: str
    """Relative to the cache."""
    name: str
    """For people, such as `kubelet`; of layers, roots and the like the key."""

    @property
    def place(self) -> Path:
        """Where it is, or would be."""
        return cache_folder() / self.path

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def wanted(checkout: Checkout) -> list[Piece]:
    """Everything that a bring-up of this tree looks for in the cache, blobs left out, in the order in which a bundle has it.

    A program stands right before the image that holds it, so that compressing finds the bytes again. Nothing is built.
    """
    folder, paths = cache_folder(), program_paths(checkout)

    def piece(kind: Kind, key: str, path: Path, name: str = "") -> Piece:
        return Piece(kind, key, path.relative_to(folder).as_posix(), name or key)

    programs = {name: piece("program", path.parent.relative_to(programs_folder()).as_posix(), path, name) for name, path in paths.items()}
    root, trained, schemas_path = machine_root_folder(checkout), example_models.trained_folder(checkout), schemas.cache_path()
    found = [piece("root", root.name, root)]
    images, memory = read_images(checkout), images_store()
    for one in remembered_images(checkout, paths):
        found += [piece("layer", key, memory.memory(key)) for key in one.layer_keys]
        found += [programs[file.binary] for file in images.images[one.image].files if file.binary]
        found.append(piece("image", one.key, memory.memory(one.key), one.image))
    found += programs.values()
    found += [piece("sources", path.name, path) for path in sources.kept_folders(checkout)]
    found += [piece("models", trained.name, trained), piece("schemas", schemas_path.stem, schemas_path)]
    return list(dict.fromkeys(found))


def build_all(checkout: Checkout, on_progress: Callable[[str, str], None]) -> None:
    """Builds of what `wanted` names all that the cache lacks. Raises what building raises."""
    bring_up.prepare(checkout, on_progress)
    example_models.train(checkout, on_progress)
    sources.add_on_folders(checkout)
    sources.kwok_folder(checkout)
    schemas.load_schemas(lambda line: on_progress("schemas", line))


def blobs(piece: Piece) -> list[Blob]:
    """The blobs without which an image or a layer is nothing; none for what is not remembered, and for other kinds."""
    store = images_store()
    manifest = store.remembered(piece.key) if piece.kind in {"image", "layer"} else None
    if manifest is None:
        return []
    return blobs_of(store, manifest) if piece.kind == "image" else [manifest]


def is_there(piece: Piece) -> bool:
    """Whether a bring-up would find it."""
    match piece.kind:
        case "image" | "layer":
            store, held = images_store(), blobs(piece)
            return bool(held) and all(is_whole(store.path(blob), blob) for blob in held)
        case "models":
            return (piece.place / INDEX).is_file()
        case "root" | "sources":
            return piece.place.is_dir()
        case _:
            return piece.place.is_file()


def inputs(checkout: Checkout) -> dict[str, str]:
    """What decides the keys of all pieces, by a name for people: two trees that differ here build other things."""
    return {
        "Go": go_version().removeprefix("go version "),
        "Python": python_site.python_version(checkout),
        "Debian": read_images(checkout).release,
        **{folder.as_posix(): digest.of_paths(checkout.root / folder, _files(checkout.root / folder)) for folder in _SOURCES},
        RELEASES.as_posix(): digest.of_files(checkout.root, [RELEASES.as_posix()]),
    }


def address(pieces: Iterable[Piece]) -> str:
    """16 hexadecimal digits that stand for all pieces: the same wherever the same would be built."""
    named = sorted([piece.kind, piece.key, piece.path] for piece in pieces)
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
