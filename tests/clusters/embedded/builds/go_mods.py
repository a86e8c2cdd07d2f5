"""What the go.mod of a family of builds says, as Go itself reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.root import ROOT
from tidegate import tools
from tidegate.embedded.builds.go_programs import PROGRAMS_FILE

BUILDS = ROOT / PROGRAMS_FILE.parent


def go_mod(family: str) -> Mapping[str, Any]:
    return json.loads(tools.run(["go", "mod", "edit", "-json"], cwd=BUILDS / family).stdout)


def versions(module: Mapping[str, Any]) -> dict[str, str]:
    required = {one["Path"]: one["Version"] for one in entries(module, "Require")}
    return {**required, **{one["Old"]["Path"]: one["New"].get("Version", "") for one in entries(module, "Replace")}}


def entries(module: Mapping[str, Any], kind: str) -> list[Any]:
    return module.get(kind) or []
