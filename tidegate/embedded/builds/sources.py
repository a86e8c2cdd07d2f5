"""The files of upstream's Go modules that a bring-up reads, kept by what pins them, apart from Go's own cache.

They are a few megabytes of modules that have hundreds. Once they are kept, neither Go nor a download is needed to render.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from tidegate import tools
from tidegate.checkout import Checkout, cache_folder
from tidegate.contracts.rendering import AddOnEntry
from tidegate.embedded.builds.go_programs import PROGRAMS_FILE, module_folder
from tidegate.embedded.digest import key_of
from tidegate.errors import UsageError

RECIPE = 1
"""To be raised when the same modules shall give other files than before."""

KWOK_STAGES = tuple(
    f"kustomize/stage/{name}.yaml"
    for name in (
        "node/fast/node-initialize", "node/heartbeat/node-heartbeat", "pod/fast/pod-ready", "pod/fast/pod-complete",
        "pod/fast/pod-delete",
    )
)  # fmt: skip
"""How pretended nodes and pods live, in the words of kwok's own module."""

_FILES_BY_KEY = TypeAdapter(dict[str, list[str]])
_ADD_ONS = TypeAdapter(list[AddOnEntry])


@dataclass(frozen=True, slots=True)
class _Source:
    """One module, and where its files are kept."""

    key: str
    path: str
    version: str
    folder: Path


def add_on_folders(checkout: Checkout) -> dict[str, Path]:
    """The folder of every Go module that add-ons are read from, by its key; the same for all regions.

    It holds what rendering reads and nothing else. What is not kept yet is taken from Go's cache, or downloaded by it. Raises
    `ToolError` when a module cannot be had.
    """
    listed = _add_ons(checkout)
    if lacking := [source for source in listed if not source.folder.is_dir()]:
        modules = {source.key: _module(checkout, source) for source in lacking}
        files = _files_of(checkout, modules)
        _keep({source.folder: (modules[source.key], files[source.key]) for source in lacking})
    return {source.key: source.folder for source in listed}


def kwok_folder(checkout: Checkout) -> Path:
    """A folder with `KWOK_STAGES`. Raises `ToolError` when they are not kept yet and the module cannot be had."""
    source = _kwok(checkout)
    if not source.folder.is_dir():
        _keep({source.folder: (_module(checkout, source), KWOK_STAGES)})
    return source.folder


def kept_folders(checkout: Checkout) -> list[Path]:
    """Every folder that the two above give, whether it is there or not."""
    return [*(source.folder for source in _add_ons(checkout)), _kwok(checkout).folder]


def _add_ons(checkout: Checkout) -> list[_Source]:
    printed = tools.run_program(checkout.python, "clusters.addons", "list", cwd=checkout.root).stdout
    named = [module for add_on in _ADD_ONS.validate_json(printed) for module in add_on.modules]
    reads: dict[str, list[str]] = {}
    for module in named:
        reads.setdefault(module.key, []).extend(module.reads)
    return [
        _source(checkout, module.key, module.path, module.version, reads[module.key]) for module in {one.key: one for one in named}.values()
    ]


def _kwok(checkout: Checkout) -> _Source:
    return _source(checkout, "kwok sigs.k8s.io/kwok", "sigs.k8s.io/kwok", "", KWOK_STAGES)


def _source(checkout: Checkout, key: str, path: str, version: str, reads: Sequence[str]) -> _Source:
    family = key.rpartition(" ")[0]
    pins = [_text((checkout.root / PROGRAMS_FILE).parent / family / name) for name in ("go.mod", "go.sum")] if family else []
    named = key_of("sources", RECIPE, key, path, version, list(reads), pins)
    return _Source(key, path, version, cache_folder() / "sources" / named)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _module(checkout: Checkout, source: _Source) -> Path:
    """The whole module, in Go's own cache."""
    family, _, path = source.key.rpartition(" ")
    if family:
        return module_folder(checkout, family, path)
    wanted = f"{source.path}@{source.version}"
    printed = tools.run(["go", "mod", "download", "-json", wanted], env={"GOFLAGS": "-mod=mod", "GOWORK": "off"})
    return Path(json.loads(printed.stdout)["Dir"])


def _files_of(checkout: Checkout, modules: Mapping[str, Path]) -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory(prefix="tidegate-sources-") as folder:
        named = Path(folder) / "modules.json"
        named.write_text(json.dumps({key: str(path) for key, path in modules.items()}), encoding="utf-8")
        done = tools.run_program(checkout.python, "clusters.addons", "files", "--modules", str(named), cwd=checkout.root)
        return _FILES_BY_KEY.validate_json(done.stdout)


def _keep(wanted: Mapping[Path, tuple[Path, Sequence[str]]]) -> None:
    """Makes each folder of `wanted` from the named files of a module; it appears whole or not at all."""
    cache = cache_folder() / "sources"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".unfinished-") as scratch:
        for folder, (module, files) in wanted.items():
            for name in files:
                _copy(module, name, Path(scratch) / folder.name)
        os.sync()  # before anything gets its name: a power cut would leave empty files that nobody checks
        for folder in wanted:
            try:
                (Path(scratch) / folder.name).rename(folder)
            except OSError:
                if not folder.is_dir():  # otherwise somebody else was faster
                    raise


def _copy(module: Path, name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(module / name, folder / name)
    except FileNotFoundError as error:
        raise UsageError(f"{module} has no file {name}; read the release and adapt what asks for it") from error
