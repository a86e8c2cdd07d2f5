"""Renders what is asked for: the add-ons of one region, from a file that says from what and where to."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from clusters.addons import kserve
from clusters.addons.add_on import RenderPrograms
from clusters.addons.listing import ADD_ONS
from clusters.addons.region import AddOnRegion
from clusters.addons.render import emit_files, render
from tidegate.contracts.rendering import AddOnsRequest
from tidegate.errors import Finding, FindingsError, InventoryError, TidegateError, UsageError
from tidegate.facts.cluster import Cluster
from tidegate.manifests.tree import Written, write_trees

ReadT = TypeVar("ReadT")


def read_request(path: Path) -> AddOnsRequest:
    """The request in a file. Raises as `read_json` does."""
    return read_json(path, TypeAdapter(AddOnsRequest))


def read_json(path: Path, adapter: TypeAdapter[ReadT]) -> ReadT:
    """What a file of JSON holds; raises `InventoryError` with every finding, `UsageError` when there is no such file."""
    try:
        return adapter.validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise InventoryError(
            [_finding(str(path), ".".join(map(str, detail["loc"])), detail["msg"]) for detail in error.errors()]
        ) from error


def fulfil(request: AddOnsRequest, clusters: Mapping[str, Cluster], only: Collection[str] = ()) -> Written:
    """Writes the add-ons, or those named in `only`, and what is applied by hand where that is asked for.

    Raises as `render` does, and `InventoryError` for a region that the inventory does not have; then nothing has changed.
    """
    if unknown := set(only) - {add_on.name for add_on in ADD_ONS}:
        known = ", ".join(add_on.name for add_on in ADD_ONS)
        raise UsageError(f"no add-on {', '.join(sorted(unknown))}; there are {known}")
    if findings := list(_place_findings(request, clusters)):
        raise InventoryError(findings)
    region = AddOnRegion(clusters[request.facts.cluster], request.facts, request.images)
    programs = RenderPrograms(request.helm, request.kubectl)
    files: dict[str, bytes] = {}
    for add_on in ADD_ONS:
        if not only or add_on.name in only:
            files |= emit_files(add_on, render(add_on, request.modules, region, programs))
    written = write_trees({request.out: files})
    if request.secrets:
        _write_secretly(request.secrets, json.dumps([kserve.certificate_secret(region)]))
    return written


def _place_findings(request: AddOnsRequest, clusters: Mapping[str, Cluster]) -> Iterator[Finding]:
    source = f"request of {request.facts.cluster}"
    if request.facts.cluster not in clusters:
        yield _finding(source, "facts.cluster", f"not in the inventory, which has {', '.join(sorted(clusters))}", request.facts.cluster)
    for field, path in (("helm", request.helm), ("kubectl", request.kubectl)):
        if not (path.is_file() and os.access(path, os.X_OK)):
            yield _finding(source, field, "is no program that can be executed", str(path))
    if request.secrets and (request.secrets.is_dir() or not request.secrets.parent.is_dir()):
        yield _finding(source, "secrets", "is a folder, or in none that is there", str(request.secrets))


def raise_all(refused: Sequence[TidegateError]) -> None:
    """Raises all of them as one, if there are any: whoever corrects the first should not meet the second afterwards."""
    findings = [finding for error in refused if isinstance(error, FindingsError) for finding in error.findings]
    if len(refused) == 1:
        raise refused[0]
    if any(not isinstance(error, FindingsError) for error in refused):
        raise TidegateError("\n".join(str(error) for error in refused))
    if findings:
        raise InventoryError(findings)


def _write_secretly(path: Path, text: str) -> None:
    """In place of whatever is there: a file that others could read before would stay readable, and a link would be followed."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _finding(source: str, path: str, problem: str, value: str = "") -> Finding:
    return Finding(source, path, "program-input", problem, "correct the file", value)
