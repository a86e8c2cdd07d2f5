"""Reads `clusters/releases.yaml`, and files whose texts name a component's release: `{argo-cd}`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from pydantic import BaseModel

from tidegate.errors import Finding, InventoryError
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.releases import Releases

RELEASES = Path("clusters/releases.yaml")

_REFERENCE = re.compile(r"\{([a-z0-9-]+)\}")

FactT = TypeVar("FactT", bound=BaseModel)


@cache
def load_releases(root: Path) -> Releases:
    """Every release that the checkout at `root` chooses, read once per process. Raises `InventoryError` when the file is refused."""
    return read_fact(root, RELEASES, Releases)


def read_with_releases(root: Path, path: Path, model: type[FactT]) -> FactT:
    """As `read_fact`, with every `{component}` in a text replaced by the component's release.

    Raises `InventoryError` with a finding for each component that does not exist. A file without any needs no releases.
    """
    findings: list[Finding] = []

    def filled(value: object, at: str = "") -> object:
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: release(found.group(1), at), value)
        if isinstance(value, list):
            return [filled(one, f"{at}[{number}]") for number, one in enumerate(cast("list[object]", value))]
        if isinstance(value, dict):
            return {key: filled(one, f"{at}.{key}".lstrip(".")) for key, one in cast("dict[str, object]", value).items()}
        return value

    def release(component: str, at: str) -> str:
        known = load_releases(root).components
        if component not in known:
            remedy = f"write one of {', '.join(sorted(known))}"
            findings.append(
                Finding(path.as_posix(), at, "component-unknown", f"is in no entry of {RELEASES.as_posix()}", remedy, component)
            )
            return component
        return known[component].release

    def prepare(document: object) -> object:
        ready = filled(document)
        if findings:
            raise InventoryError(findings)
        return ready

    return read_fact(root, path, model, prepare=prepare)
