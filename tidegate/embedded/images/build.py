"""Builds the images of images.yaml, each once for the same inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded.builds.go_programs import module_folder, programs_folder
from tidegate.embedded.digest import key_of
from tidegate.embedded.images import debian, layers, layout, python_site
from tidegate.embedded.images.facts import ImageFact, ImageFile, ImageList
from tidegate.embedded.images.store import Blob, Store, is_whole
from tidegate.errors import Finding, InventoryError, UsageError
from tidegate.facts.inventory.releases import read_with_releases
from tidegate.facts.names import PLATFORM_IMAGES

RECIPE = 1
"""To be raised when the same inputs shall give another image than before."""

FOLDER = Path("clusters/embedded/images")
IMAGES_FILE = FOLDER / "images.yaml"
_MODULES = Path("clusters/embedded/builds")
_APP = "/app"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that has been built."""

    name: str
    """Its key in images.yaml."""
    tag: str
    repository: str
    """Host and path, such as `registry.example.com/tidegate/pause`."""
    digest: str
    """Of its manifest: `sha256:` and 64 hexadecimal digits."""
    layout: Path
    """An OCI layout folder of just this image; read only."""

    @property
    def reference(self) -> str:
        """What a pod names so that it gets these very bytes."""
        return f"{self.repository}:{self.tag}@{self.digest}"


def read_images(checkout: Checkout) -> ImageList:
    """What this checkout's images are made of; raises `InventoryError` when that is refused."""
    return read_with_releases(checkout.root, IMAGES_FILE, ImageList)


def build_images(
    checkout: Checkout, binaries: Mapping[str, Path], on_progress: Callable[[str], None] = lambda _line: None, only: Sequence[str] = ()
) -> dict[str, Image]:
    """The images named by `only` (default: all) by name, in the order of images.yaml, after building those the cache lacks.

    `binaries` are our builds by name. What is found in the cache costs a few file look-ups and starts no process.
    Raises `UsageError` for an unknown name or a binary that `binaries` lacks, `InventoryError` when images.yaml or something
    it names is missing or refused, `DoctorError` when this machine cannot make a Debian filesystem, `ToolError` when a
    download fails.
    """
    listed = read_images(checkout)
    if unknown := sorted(set(only) - listed.images.keys()):
        raise UsageError(f"no image {unknown[0]!r}; there are {', '.join(listed.images)}")
    builder = _Builder(checkout, listed, binaries, on_progress, images_store())
    chosen = [name for name in listed.images if not only or name in only]
    return {name: builder.image(name, f"{number} of {len(chosen)}") for number, name in enumerate(chosen, start=1)}


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the memory of the store is asked for when an image is built."""

    image: str
    """The image's name."""
    key: str
    """The image's manifest."""
    layer_keys: tuple[str, ...]
    """The layers it shares with others; one that is remembered is not made again when only the image has changed."""


def remembered_images(checkout: Checkout, binaries: Mapping[str, Path]) -> list[Remembered]:
    """For every image, in the order of images.yaml, the keys that `build_images` would look for. Errors as `build_images`.

    The files of `binaries` need not be there yet as long as they lie among our programs.
    """
    listed = read_images(checkout)
    builder = _Builder(checkout, listed, binaries, lambda _line: None, images_store())
    return [
        Remembered(name, builder.key(fact), tuple(filter(None, (builder.base_key(fact), builder.site_key(fact)))))
        for name, fact in listed.images.items()
    ]


def images_store() -> Store:
    """The blobs of all images, and the memory of what they were made from."""
    return Store(cache_folder() / "images")


@dataclass(frozen=True, slots=True)
class _Builder:
    checkout: Checkout
    listed: ImageList
    binaries: Mapping[str, Path]
    on_progress: Callable[[str], None]
    store: Store

    def key(self, fact: ImageFact) -> str:
        return key_of("image", RECIPE, fact.model_dump(), self.base_key(fact), list(self._inputs(fact)))

    def base_key(self, fact: ImageFact) -> str:
        if not fact.base:
            return ""
        return key_of("base", debian.RECIPE, self.listed.release, self.listed.bases[fact.base].model_dump())

    def site_key(self, fact: ImageFact) -> str:
        return key_of("site layer", RECIPE, python_site.key_of_lock(self.checkout, fact.lock)) if fact.lock else ""

    def image(self, name: str, position: str) -> Image:
        fact = self.listed.images[name]
        key = self.key(fact)
        manifest = self.store.remembered(key)
        if manifest is None or not all(is_whole(self.store.path(blob), blob) for blob in layout.blobs_of(self.store, manifest)):
            self.on_progress(f"building image {name} ({position})")
            manifest = self.store.remember(key, layout.write_manifest(self.store, list(self._layers(fact)), self._running(fact)))
        repository = fact.repository or f"{PLATFORM_IMAGES}/{name}"
        folder = self.store.folder / "layouts" / name / manifest.digest.removeprefix("sha256:")[:16]
        layout.write_layout(self.store, manifest, f"{repository}:{fact.tag}", folder)
        return Image(name, fact.tag, repository, manifest.digest, folder)

    def _running(self, fact: ImageFact) -> layout.Running:
        environment = {**(self.listed.bases[fact.base].environment if fact.base else {}), **fact.environment}
        return layout.Running(fact.entrypoint, fact.arguments, environment, fact.user, fact.folder or "/")

    def _layers(self, fact: ImageFact) -> Iterator[Blob]:
        if fact.base:
            yield self._base_layer(fact.base, self.base_key(fact))
        if fact.lock:
            yield self._site_layer(fact.lock, self.site_key(fact))
        if entries := list(self._entries(fact)):
            yield self.store.add_written(lambda file: layers.write(entries, file))

    def _base_layer(self, name: str, key: str) -> Blob:
        if found := self.store.remembered(key):
            return found
        base = self.listed.bases[name]
        archive = self.store.new_path()
        try:
            self.on_progress(f"making the base {name} from Debian {self.listed.release}, about a minute")
            debian.base_filesystem(self.listed.release, base, archive, self.on_progress)
            return self.store.remember(key, self.store.add_file(archive))
        finally:
            archive.unlink(missing_ok=True)

    def _site_layer(self, lock: str, key: str) -> Blob:
        if found := self.store.remembered(key):
            return found
        site = python_site.site_folder(self.checkout, lock, self.on_progress)
        return self.store.remember(key, self.store.add_written(lambda file: layers.write(layers.tree(site, python_site.INSIDE), file)))

    def _entries(self, fact: ImageFact) -> Iterator[layers.LayerEntry]:
        yield from self._sources(fact)
        for file in fact.files:
            yield from file_entries(self.checkout, file, self.binaries, self.on_progress)

    def _inputs(self, fact: ImageFact) -> Iterator[object]:
        """Stands for the content of everything that `_layers` reads."""
        if fact.lock:
            yield python_site.key_of_lock(self.checkout, fact.lock)
        for entry in self._sources(fact):
            if entry.source:
                yield entry.path, entry.mode, hashlib.sha256(entry.source.read_bytes()).hexdigest()
        for file in fact.files:
            yield input_of(self.checkout, file, self.binaries)

    def _sources(self, fact: ImageFact) -> Iterator[layers.LayerEntry]:
        for name in fact.sources:
            path = self.checkout.root / name
            if path.is_dir():
                yield from (entry for entry in layers.tree(path, f"{_APP}/{name}") if "/__pycache__" not in entry.path)
            elif path.is_file():
                yield layers.LayerEntry(f"{_APP}/{name}", 0o644, path)
            else:
                missing = Finding(
                    IMAGES_FILE.as_posix(), "sources", "source-missing", "no such file or folder in the checkout", "add it", name
                )
                raise InventoryError([missing])


def file_entries(
    checkout: Checkout, file: ImageFile, binaries: Mapping[str, Path], on_progress: Callable[[str], None]
) -> Iterator[layers.LayerEntry]:
    """What `file` puts into a layer or a root filesystem."""
    mode = int(file.mode, 8)
    if file.binary:
        yield layers.LayerEntry(file.path, mode, _binary(file.binary, binaries))
    elif file.module:
        yield layers.LayerEntry(file.path, mode, module_folder(checkout, file.module.family, file.module.module) / file.module.file)
    elif file.wheel:
        yield from layers.content(python_site.site_folder(checkout, file.wheel.lock, on_progress) / file.wheel.file, file.path, mode)
    else:
        yield layers.LayerEntry(file.path, mode, link=file.link)


def input_of(checkout: Checkout, file: ImageFile, binaries: Mapping[str, Path]) -> object:
    """Stands for the content of `file` without reading much.

    A program of ours is known by the name of its folder, which stands for what it was made of: on every machine the same, and
    known before it is built. Any other binary is taken for unchanged while its path, size and time are.
    """
    if file.binary:
        path = binaries.get(file.binary)
        if path and path.is_relative_to(programs_folder()):
            return path.relative_to(programs_folder()).as_posix()
        path = _binary(file.binary, binaries).resolve()
        status = path.stat()
        return [str(path), status.st_size, status.st_mtime_ns]
    if file.module:
        pins = checkout.root / _MODULES / file.module.family / "go.mod"
        return pins.read_text(encoding="utf-8") if pins.is_file() else ""
    return python_site.key_of_lock(checkout, file.wheel.lock) if file.wheel else None


def _binary(name: str, binaries: Mapping[str, Path]) -> Path:
    path = binaries.get(name)
    if path is None or not path.is_file():
        raise UsageError(f"the program {name!r} is not built; `tidegate local build --only {name}` builds it")
    return path
