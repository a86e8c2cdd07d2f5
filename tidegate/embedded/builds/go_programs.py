"""Builds the embedded region's programs from pinned Go modules, and keeps each by what it was made of.

A program in the cache is never built again. Its key covers everything that decides its bytes, so two checkouts, or two
revisions of one, share what they have in common, and a change of one family leaves the others alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded.builds.facts import Binary, BuildList, Family
from tidegate.errors import UsageError
from tidegate.facts.inventory.releases import read_with_releases
from tidegate.tools.waiting import signs_of_life

PROGRAMS_FILE = Path("clusters/embedded/builds/programs.yaml")

SIGN_OF_LIFE_SECONDS = 10.0
"""How long a build may be silent: the longest takes minutes, and a reader gives up sooner."""

SIDE_BY_SIDE = 2
"""Programs that are built at once."""

_ENVIRONMENT = {
    "CGO_ENABLED": "0",  # a program that needs a C library does not start in an empty image
    "GOAMD64": "v1",  # a user's own setting would be other bytes under the same key
    "GOFLAGS": "-buildvcs=false -mod=readonly",  # our own revision must not be in the bytes; go.mod must stay as reviewed
    "GOTOOLCHAIN": "local",  # the key names the installed Go, so no other may be fetched
    "GOWORK": "off",
    "GOGC": "400",  # compiling is faster with fewer collections, for some hundred MB of memory
}

_COMPILE_FLAGS = "-gcflags=all=-dwarf=false"
"""No debugging information, which the linker would leave out: an eighth less work for the compiler."""


@dataclass(frozen=True, slots=True)
class BuiltProgram:
    """A program that is there: `seconds` is what building took, None when it was found in the cache."""

    name: str
    release: str
    path: Path
    size_bytes: int
    seconds: float | None


def read_programs(checkout: Checkout) -> BuildList:
    """The programs of this checkout; raises `InventoryError` when it is refused."""
    return read_with_releases(checkout.root, PROGRAMS_FILE, BuildList)


def build(checkout: Checkout, on_progress: Callable[[str, str], None], only: Sequence[str] = ()) -> dict[str, Path]:
    """The path of each program by name (default: all), after building those the cache lacks. Errors as `build_programs`."""
    return {program.name: program.path for program in build_programs(checkout, on_progress, only)}


def build_programs(checkout: Checkout, on_progress: Callable[[str, str], None], only: Sequence[str] = ()) -> list[BuiltProgram]:
    """Builds the programs named by `only` (default: all) that the cache lacks; they are returned in the order of the list.

    Two at a time: linking keeps one core busy only. Programs of a family, and families with the same Kubernetes libraries,
    follow each other, because each finds compiled what those before it share with it; two at once would compile it twice.
    `on_progress` is called with the program and what happens to it; from other threads, every `SIGN_OF_LIFE_SECONDS`, while builds
    last. Raises `UsageError` for an unknown name and `ToolError` with the compiler's words when a build fails; what was built
    before stays in the cache.
    """
    listed = read_programs(checkout)
    unknown = sorted(set(only) - set(listed.names))
    if unknown:
        raise UsageError(f"no program {', '.join(map(repr, unknown))}; there are {', '.join(listed.names)}")
    chosen = [(family, binary) for family, binary in listed.programs() if not only or binary.name in only]
    version = go_version()
    numbers = {binary.name: number for number, (_, binary) in enumerate(chosen, start=1)}

    def build_lane(families: Sequence[Family]) -> list[BuiltProgram]:
        built: list[BuiltProgram] = []
        for family, binary in (one for of in families for one in chosen if one[0] is of):
            path = _path(checkout, family, binary, version)
            seconds = None
            if not path.is_file():
                told = _Told(on_progress, binary.name, f"{numbers[binary.name]} of {len(chosen)}")
                seconds = _build_into(path, _recipe(checkout, family, binary), told)
            built.append(BuiltProgram(binary.name, binary.release or family.release, path, path.stat().st_size, seconds))
        return built

    families = list({family.name: family for family, _ in chosen}.values())
    with ThreadPoolExecutor(SIDE_BY_SIDE, "build") as lanes:
        begun = [lanes.submit(build_lane, lane) for lane in _lanes(checkout, families)]
        try:
            built = [program for lane in begun for program in lane.result()]
        except BaseException:
            for lane in begun:
                lane.cancel()
            tools.interrupt_streams()
            raise
    return sorted(built, key=lambda program: numbers[program.name])


def build_source(checkout: Checkout, family_name: str, source: Path, on_progress: Callable[[str, str], None]) -> Path:
    """Builds the one Go file `source` with the modules and flags of a family, and keeps the program as those of the list.

    The compiler finds compiled what the family's own programs share with it. The program is named as the file is, with
    hyphens. Errors as `build_programs`.
    """
    family = next((one for one in read_programs(checkout).families if one.name == family_name), None)
    if family is None:
        raise UsageError(_no_family(checkout, family_name))
    recipe = _Recipe(_family_folder(checkout, family_name), str(source), source.read_text(encoding="utf-8"), (), family.link_flags)
    path = programs_folder() / recipe.key(go_version()) / source.stem.replace("_", "-")
    if not path.is_file():
        _build_into(path, recipe, _Told(on_progress, path.name, "1 of 1"))
    return path


def build_tool(modules: Path, package: str, on_progress: Callable[[str, str], None]) -> Path:
    """Builds the main package `package` that the go.mod in the folder `modules` pins, which regions do not need; kept as the others are."""
    recipe = _Recipe(modules, package, package, (), "-s -w")
    path = programs_folder() / recipe.key(go_version()) / package.rpartition("/")[2]
    if not path.is_file():
        _build_into(path, recipe, _Told(on_progress, path.name, "1 of 1"))
    return path


def program_paths(checkout: Checkout) -> dict[str, Path]:
    """Where each listed program lies in the cache once it is built, by name; nothing is built for a look."""
    version = go_version()
    return {binary.name: _path(checkout, family, binary, version) for family, binary in read_programs(checkout).programs()}


def go_version() -> str:
    """The installed Go as it calls itself, with its platform: `go version go1.26.6 linux/amd64`."""
    return tools.run(["go", "version"], env=_ENVIRONMENT).stdout.strip()


def programs_folder() -> Path:
    """The part of the cache that holds programs, each in a folder that is named after what it was made of."""
    return cache_folder() / "builds"


def module_folder(checkout: Checkout, family: str, module_path: str) -> Path:
    """Where the source of a module is in Go's own cache, in the version that `family` pins; downloaded when it is not there.

    Raises `UsageError` for an unknown family and `ToolError` when the family does not use the module or it cannot be had.
    """
    source = _family_folder(checkout, family)
    if not (source / "go.mod").is_file():
        raise UsageError(_no_family(checkout, family))
    # `go list -m` names the version after all replacements; its Dir is empty as long as the module is not downloaded.
    question = ["go", "list", "-m", "-f", "{{.Dir}}", module_path]
    folder = tools.run(question, cwd=source, env=_ENVIRONMENT).stdout.strip()
    if not folder:
        tools.run(["go", "mod", "download", module_path], cwd=source, env=_ENVIRONMENT, timeout_seconds=1200)
        folder = tools.run(question, cwd=source, env=_ENVIRONMENT).stdout.strip()
    return Path(folder)


def _no_family(checkout: Checkout, name: str) -> str:
    return f"no family {name!r} of builds; there are {', '.join(one.name for one in read_programs(checkout).families)}"


@dataclass(frozen=True, slots=True)
class _Told:
    """Whom to notify about one program."""

    on_progress: Callable[[str, str], None]
    program: str
    position: str

    def __call__(self, happened: str) -> None:
        self.on_progress(self.program, happened)

    def still_building(self, seconds: float, line: str) -> None:
        """The last line that go printed names modules while they come."""
        said = f" ({line.removeprefix('go: ')})" if line else ""
        self(f"still building, {seconds:.0f} s{said}")


def kubernetes_libraries(go_mod: str) -> str | None:
    """The minor release of the Kubernetes libraries that a go.mod leads to, as in `0.36`; None when it uses none."""
    pinned = re.findall(r"k8s\.io/apimachinery v(0\.[0-9]+)\.", go_mod)
    replaced = re.findall(r"=> k8s\.io/apimachinery v(0\.[0-9]+)\.", go_mod)
    return next(iter(replaced or pinned), None)


def _lanes(checkout: Checkout, families: Sequence[Family]) -> list[list[Family]]:
    """Families that have much to share, one list for each minor release of the Kubernetes libraries; others by themselves."""
    lanes: dict[str, list[Family]] = {}
    for family in families:
        libraries = kubernetes_libraries((_family_folder(checkout, family.name) / "go.mod").read_text(encoding="utf-8"))
        lanes.setdefault(libraries or family.name, []).append(family)
    return list(lanes.values())


def _family_folder(checkout: Checkout, family: str) -> Path:
    return (checkout.root / PROGRAMS_FILE).parent / family


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What decides a program's bytes: the folder of go.mod, what is compiled, its text or import path, and the flags."""

    modules: Path
    package: str
    named: str
    tags: tuple[str, ...]
    link_flags: str

    def key(self, go_version: str) -> str:
        """Names everything: pinned modules, our own source, flags and the Go release with its platform."""
        files = [self.modules / "go.mod", self.modules / "go.sum", *sorted(self.modules.rglob("*.go"))]
        content = [(path.relative_to(self.modules).as_posix(), path.read_text(encoding="utf-8")) for path in files if path.is_file()]
        made_of = [content, self.named, self.tags, _COMPILE_FLAGS, self.link_flags, go_version]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


def _recipe(checkout: Checkout, family: Family, binary: Binary) -> _Recipe:
    return _Recipe(_family_folder(checkout, family.name), binary.package, binary.package, binary.tags, family.link_flags)


def _path(checkout: Checkout, family: Family, binary: Binary, version: str) -> Path:
    return programs_folder() / _recipe(checkout, family, binary).key(version) / binary.name


def _build_into(path: Path, recipe: _Recipe, tell: _Told) -> float | None:
    """Builds `path` unless somebody else has done so by the time it is our turn; the seconds, None when it was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _only_builder(path.parent, tell):
        if path.is_file():
            return None
        # Whatever a killed build left is below this folder, and nothing in it is ever taken for a program.
        scratch = path.parent / ".building"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        made = scratch / path.name
        command = [
            "go",
            "build",
            "-trimpath",
            _COMPILE_FLAGS,
            "-ldflags",
            recipe.link_flags,
            "-tags",
            ",".join(recipe.tags),
            "-o",
            str(made),
            recipe.package,
        ]
        tell(f"building ({tell.position})")
        try:
            with signs_of_life(tell.still_building, SIGN_OF_LIFE_SECONDS) as on_line:
                seconds = tools.stream(command, on_line, cwd=recipe.modules, env={**_ENVIRONMENT, "GOTMPDIR": str(scratch)})
            _flush(made)
            made.rename(path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    tell(f"built in {seconds:.0f} s")
    return seconds


@contextlib.contextmanager
def _only_builder(folder: Path, tell: _Told) -> Generator[None]:
    """Holds the folder's lock, which the kernel frees however we end; waits for another process that builds the same."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another process that builds it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _flush(path: Path) -> None:
    """To the disk before it gets its name: after a power cut an empty file would be taken for the program for ever."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
