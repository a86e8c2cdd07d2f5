"""Renders add-ons: `python -m clusters.addons render --root . --request FILE`, where the file holds an `AddOnsRequest`.

`list` says what there is and from where; `files` names what rendering reads of each module. Exits with 1, or 2 for a file
that is not there, and one line per finding when anything is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from pydantic import TypeAdapter

from clusters.addons import sources
from clusters.addons.add_on import AddOn
from clusters.addons.listing import ADD_ONS
from clusters.addons.requests import fulfil, read_json, read_request
from tidegate.contracts.rendering import AddOnEntry, AddOnModule
from tidegate.endings import lines_of, program_code
from tidegate.facts import inventory

_FOLDERS = TypeAdapter(dict[str, Path])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        match chosen.command:
            case "render":
                request = read_request(chosen.request)
                answer = json.dumps(asdict(fulfil(request, inventory.load(chosen.root).clusters, chosen.only)))
            case "files":
                answer = json.dumps(sources.files_read(ADD_ONS, read_json(chosen.modules, _FOLDERS)))
            case _:
                answer = TypeAdapter(list[AddOnEntry]).dump_json([_entry(add_on) for add_on in ADD_ONS]).decode()
    except Exception as error:  # noqa: BLE001 - what nobody foresaw ends with 70, and is not taken for bad input
        sys.stderr.write(f"{lines_of(error)}\n")
        return program_code(error)
    sys.stdout.write(f"{answer}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m clusters.addons", description="Renders what Argo CD installs on every cluster.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every add-on with its two sources, as JSON")
    rendered = commands.add_parser("render", help="render into a folder that then holds exactly the add-ons")
    rendered.add_argument("--root", type=Path, default=Path(), help="the checkout that holds the inventory")
    rendered.add_argument("--request", type=Path, required=True, help="JSON of an AddOnsRequest (tidegate/contracts/rendering.py)")
    rendered.add_argument("--only", action="append", default=[], metavar="NAME", help="render just this add-on (repeatable)")
    files = commands.add_parser("files", help="the files of each module that rendering reads, as JSON")
    files.add_argument("--modules", type=Path, required=True, help='JSON: "<family> <module path>" to the module\'s folder')
    return parser


def _entry(add_on: AddOn) -> AddOnEntry:
    modules = tuple(
        AddOnModule(
            key=module.key, path=module.path, version=module.version,
            reads=tuple(sources.described(source) for source in add_on.embedded if source.module == module),
        )
        for module in add_on.modules
    )  # fmt: skip
    production = {"kind": type(add_on.production).__name__, **cast("dict[str, object]", asdict(add_on.production))}
    return AddOnEntry(
        name=add_on.name, version=add_on.version, wave=add_on.wave, namespace=add_on.namespace, by_hand=add_on.by_hand,
        production=production, modules=modules, images=add_on.images, owned_namespaces=add_on.owned_namespaces,
        ignored_differences=tuple(asdict(ignored) for ignored in add_on.ignored_differences),
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
