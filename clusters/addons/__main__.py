"""Renders add-ons: `python -m clusters.addons render --root . --images … --modules … --facts … --helm … --kubectl … --out DIR`.

`list --json` says what there is and from where; `files` names what rendering reads of each module; `secrets` prints what is
applied by hand and never committed. Exits with 1 and one line per finding when anything is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from pydantic import TypeAdapter, ValidationError

from clusters.addons import kserve, sources
from clusters.addons.add_on import AddOn, Programs
from clusters.addons.catalogue import ADD_ONS
from clusters.addons.region import Region, RegionFacts
from clusters.addons.render import emit_files, render
from tidegate.errors import Finding, InventoryError, TidegateError, UsageError
from tidegate.facts import inventory
from tidegate.manifests.tree import write_trees

_TEXT_BY_NAME = TypeAdapter(dict[str, str])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        match chosen.command:
            case "render":
                answer = _render(chosen)
            case "secrets":
                answer = [kserve.certificate_secret(_region(chosen, {}))]
            case "files":
                answer = sources.files_read(ADD_ONS, _folders(chosen.modules))
            case _:
                answer = [_described(add_on) for add_on in ADD_ONS]
    except TidegateError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m clusters.addons", description="Renders what Argo CD installs on every cluster.")
    commands = parser.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list", help="every add-on with its two sources, as JSON")
    listed.add_argument("--json", action="store_true", help="kept for symmetry; the answer is always JSON")
    rendered = commands.add_parser("render", help="render into a folder that then holds exactly the add-ons")
    files = commands.add_parser("files", help="the files of each module that rendering reads, as JSON")
    secrets = commands.add_parser("secrets", help="print the Secrets that are applied by hand, as JSON")
    for command in (rendered, secrets):
        command.add_argument("--root", type=Path, default=Path(), help="the checkout that holds the inventory")
        command.add_argument("--facts", type=Path, required=True, help="JSON of RegionFacts")
    for command in (rendered, files):
        command.add_argument("--modules", type=Path, required=True, help='JSON: "<family> <module path>" to the module\'s folder')
    rendered.add_argument("--images", type=Path, required=True, help="JSON: image name to reference with digest")
    rendered.add_argument("--helm", type=Path, default=Path("helm"), help="the helm program")
    rendered.add_argument("--kubectl", type=Path, default=Path("kubectl"), help="the kubectl program, for its kustomize")
    rendered.add_argument("--out", type=Path, required=True, help="the folder to write")
    rendered.add_argument("--only", action="append", default=[], metavar="NAME", help="render just this add-on (repeatable)")
    return parser


def _render(chosen: argparse.Namespace) -> Mapping[str, object]:
    started = time.monotonic()
    unknown = set(chosen.only) - {add_on.name for add_on in ADD_ONS}
    if unknown:
        known = ", ".join(add_on.name for add_on in ADD_ONS)
        raise UsageError(f"no add-on {', '.join(sorted(unknown))}; there are {known}")
    region = _region(chosen, _texts(chosen.images))
    modules = _folders(chosen.modules)
    programs = Programs(chosen.helm, chosen.kubectl)
    files: dict[str, bytes] = {}
    for add_on in ADD_ONS:
        if not chosen.only or add_on.name in chosen.only:
            files |= emit_files(add_on, render(add_on, modules, region, programs))
    written = write_trees({chosen.out: files})
    return {"objects": len(files), **asdict(written), "seconds": round(time.monotonic() - started, 1)}


def _region(chosen: argparse.Namespace, images: Mapping[str, str]) -> Region:
    try:
        facts = RegionFacts.model_validate_json(_read(chosen.facts))
    except ValidationError as error:
        raise InventoryError([_finding(chosen.facts, detail["loc"], detail["msg"]) for detail in error.errors()]) from error
    clusters = inventory.load(chosen.root).clusters
    if facts.cluster not in clusters:
        raise InventoryError([_finding(chosen.facts, ("cluster",), f"not in the inventory: {facts.cluster}")])
    return Region(clusters[facts.cluster], facts, images)


def _folders(path: Path) -> dict[str, Path]:
    return {key: Path(folder) for key, folder in _texts(path).items()}


def _texts(path: Path) -> dict[str, str]:
    try:
        return _TEXT_BY_NAME.validate_json(_read(path))
    except ValidationError as error:
        raise InventoryError([_finding(path, detail["loc"], detail["msg"]) for detail in error.errors()]) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _finding(path: Path, location: Sequence[int | str], problem: str) -> Finding:
    return Finding(path.name, ".".join(map(str, location)), "addons-input", problem, "correct the file")


def _described(add_on: AddOn) -> Mapping[str, object]:
    return {
        "name": add_on.name,
        "version": add_on.version,
        "wave": add_on.wave,
        "namespace": add_on.namespace,
        "by_hand": add_on.by_hand,
        "production": {"kind": type(add_on.production).__name__, **cast("dict[str, object]", asdict(add_on.production))},
        "modules": [
            {
                "key": module.key, "path": module.path, "version": module.version,
                "reads": [sources.described(source) for source in add_on.embedded if source.module == module],
            }
            for module in add_on.modules
        ],
        "images": add_on.images,
        "owned_namespaces": add_on.owned_namespaces,
        "ignored_differences": [asdict(ignored) for ignored in add_on.ignored_differences],
    }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
