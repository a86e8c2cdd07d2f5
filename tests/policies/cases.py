"""A case of a policy: an object, who sends it, and whether it is let in.

A case is a file of `policies/<policy>/cases`, named `allow-<why>` or `deny-<why>`. It is the whole `object`, or a `base` (an
object of the rendered tree, or a file of `tests/policies/bases`) with a JSON merge patch in `change`. With `verb: update` the base is
there already, and the patch is what is sent; with `verb: delete` the base is to go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

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
    verb: Literal["create", "update", "delete"] = "create"
    subresource: Literal["", "status"] = ""
    is_trial: bool = True
    """Whether it is sent as a dry run; only what is refused may be sent in earnest."""
    base: str | None = None
    """`<folder>/<kind>-<name>` of the rendered tree, or the name of a file of `bases`."""
    change: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    object: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _has_one_object(self) -> Case:
        if (self.base is None) == (self.object is None):
            raise ValueError("either a base or an object")
        if self.verb != "create" and self.base is None:
            raise ValueError("what is there already is a base")
        if not self.is_trial and (self.message is None or self.verb != "update"):
            raise ValueError("only an update that is refused is sent in earnest")
        return self


def read_case(path: Path) -> Case:
    case = read_fact(ROOT, path.relative_to(ROOT), Case)
    kind = path.name.partition("-")[0]
    assert kind in {"allow", "deny"}, f"{path}: begin the name with allow- or deny-"
    assert (kind == "deny") == (case.message is not None), f"{path}: a denied case states its message, an allowed one has none"
    return case


class Base(Fact):
    """A file of `bases`: the whole object, or another base with a patch."""

    base: str | None = None
    change: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    object: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    is_there: bool = False
    """Whether it stands in the API server before any policy and any case."""


Tree = Mapping[str, dict[str, Any]]


def object_of(case: Case, tree: Tree) -> dict[str, Any]:
    """What is sent; of an update what comes of it."""
    found = case.object if case.base is None else _base(case.base, tree)
    return cast("dict[str, Any]", merged(found, case.change))


def before_of(case: Case, tree: Tree) -> dict[str, Any] | None:
    """What is there already."""
    return None if case.verb == "create" or case.base is None else _base(case.base, tree)


def standing(tree: Tree) -> list[dict[str, Any]]:
    """The bases that stand in the API server."""
    return [_base(path.stem, tree) for path in sorted(BASES.glob("*.yaml")) if _read_base(path).is_there]


def _base(name: str, tree: Tree) -> dict[str, Any]:
    if (found := tree.get(name)) is not None:
        return json.loads(json.dumps(found))
    read = _read_base(BASES / f"{name}.yaml")
    return cast("dict[str, Any]", merged(_base(read.base, tree) if read.base else read.object, read.change))


def _read_base(path: Path) -> Base:
    return read_fact(ROOT, path.relative_to(ROOT), Base)


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
    """The answer to a trial of the case."""
    who = groups(case.user)
    if case.verb == "create":
        return api.create(manifest, dry_run=True, user=case.user, groups=who)
    path = "/".join(part for part in (api.path(manifest), case.subresource) if part) + ("?dryRun=All" if case.is_trial else "")
    if case.verb == "delete":
        return api.request("DELETE", path, user=case.user, groups=who)
    return api.request("PATCH", path, case.change, content_type="application/merge-patch+json", user=case.user, groups=who)


def groups(user: str) -> tuple[str, ...]:
    if user.startswith(_ACCOUNT):
        namespace = user.removeprefix(_ACCOUNT).partition(":")[0]
        return ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return ("system:authenticated", "system:masters") if user == "platform-engineer" else ("system:authenticated",)


def group_of(manifest: Mapping[str, Any]) -> str:
    """The policy into which the API server gets those for objects of this kind."""
    return group_name(f"{str(manifest['kind']).lower()}s")
