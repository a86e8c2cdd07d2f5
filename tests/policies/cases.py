"""A case of a policy: an object, who sends it, and whether it is let in.

A case is a file of `policies/<policy>/cases`, named `allow-<why>` or `deny-<why>`. It is the whole `object`, or a `base` (an
object of the rendered tree, or a file of `tests/policies/bases`) with a JSON merge patch in `change`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import Field, JsonValue, model_validator

from clusters.components.admission.policy_groups import group_name
from tests.admission_server import Answer, ApiServer
from tests.root import ROOT
from tidegate.facts.fact import Fact
from tidegate.facts.inventory.read import read_fact

BASES = Path(__file__).parent / "bases"
FILES = sorted((ROOT / "policies").glob("*/cases/*.yaml"))

_ACCOUNT = "system:serviceaccount:"


class Case(Fact):
    """One file. `message` is what the author must be told, word for word; only what is let in has none."""

    message: str | None = None
    user: str = "platform-engineer"
    """Who sends it; a ServiceAccount gets the groups that the API server gives it."""
    base: str | None = None
    """`<folder>/<kind>-<name>` of the rendered tree, or the name of a file of `bases`."""
    change: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    object: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _has_one_object(self) -> Case:
        if (self.base is None) == (self.object is None):
            raise ValueError("either a base or an object")
        return self


def read_case(path: Path) -> Case:
    case = read_fact(ROOT, path.relative_to(ROOT), Case)
    kind = path.name.partition("-")[0]
    assert kind in {"allow", "deny"}, f"{path}: begin the name with allow- or deny-"
    assert (kind == "deny") == (case.message is not None), f"{path}: a denied case states its message, an allowed one has none"
    return case


def object_of(case: Case, tree: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if case.base is None:
        return cast("dict[str, Any]", case.object)
    found = tree.get(case.base)
    if found is None:
        path = (BASES / f"{case.base}.yaml").relative_to(ROOT)
        found = cast("dict[str, Any]", read_fact(ROOT, path, Base).object)
    return cast("dict[str, Any]", merged(json.loads(json.dumps(found)), case.change))


class Base(Fact):
    """A file of `bases`."""

    object: dict[str, JsonValue]


def merged(target: object, patch: object) -> object:
    """RFC 7396: null removes, mappings merge, everything else takes the place of what was there."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(cast("dict[str, object]", target)) if isinstance(target, dict) else {}
    for key, value in cast("dict[str, object]", patch).items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


def sent(api: ApiServer, case: Case, manifest: Mapping[str, Any]) -> Answer:
    return api.create(manifest, dry_run=True, user=case.user, groups=groups(case.user))


def groups(user: str) -> tuple[str, ...]:
    if user.startswith(_ACCOUNT):
        namespace = user.removeprefix(_ACCOUNT).partition(":")[0]
        return ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return ("system:authenticated", "system:masters") if user == "platform-engineer" else ("system:authenticated",)


def group_of(manifest: Mapping[str, Any]) -> str:
    """The policy into which the API server gets those for objects of this kind."""
    return group_name(f"{str(manifest['kind']).lower()}s")
