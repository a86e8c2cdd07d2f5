"""What policies say of cases, by the API server's own code but without an API server: fast enough to try thousands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tests.policies.cases import Case, Tree, before_of, groups, object_of, standing
from tests.policies.tenant_objects import catalogue
from tests.root import ROOT
from tests.suite.telling import tell
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.contracts.release_names import GUARD_CONFIG_MAP
from tidegate.embedded.builds import go_programs

PROGRAM = Path(__file__).with_name("cel_cost.go")


class Verdict(BaseModel):
    """What one policy comes to for one request."""

    cost: int
    judges: bool
    """Whether its conditions let it judge at all."""
    refuses: tuple[int, ...]
    """The validations that are false."""
    errors: tuple[str, ...]

    @property
    def refused(self) -> tuple[int, ...]:
        """The validations for which the API server refuses."""
        return self.refuses if self.judges else ()


def built() -> Path:
    """Built like the API server itself, so that the compiler has little left to do, and kept like it."""
    return go_programs.build_source(Checkout(ROOT), "kubernetes", PROGRAM, lambda program, what: tell(f"{program}: {what}"))


def judged(program: Path, questions: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    """One verdict for each question."""
    answered = tools.run([str(program)], stdin=json.dumps(list(questions))).stdout
    return [Verdict.model_validate(each) for each in json.loads(answered)]


def question(policy: Mapping[str, Any], binding: Mapping[str, Any], case: Case, tree: Tree) -> dict[str, Any]:
    """A case as the API server would put it to a policy. `params` is None where the policy's parameter is missing."""
    manifest, before = object_of(case, tree), before_of(case, tree)
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind: str = manifest["kind"]
    namespace = manifest["metadata"].get("namespace", "")
    namespaces = {each["metadata"]["name"]: each for each in tree.values() if each["kind"] == "Namespace"}
    request = {
        "group": group, "version": version, "kind": kind, "resource": f"{kind.lower()[:-1]}ies" if kind.endswith("y") else f"{kind.lower()}s",
        "subresource": case.subresource, "operation": case.verb.upper(), "user": case.user, "groups": groups(case.user), "dryRun": case.is_trial,
        "object": None if case.verb == "delete" else manifest, "oldObject": before, "params": _parameter(binding, namespace, tree),
        "namespace": namespaces.get(namespace, namespaces["tenant-credit"]),
    }  # fmt: skip
    return {"policy": policy, "request": request}


def _parameter(binding: Mapping[str, Any], namespace: str, tree: Tree) -> dict[str, Any] | None:
    named = binding["spec"].get("paramRef", {}).get("name")
    if named == GUARD_CONFIG_MAP:
        places = [(each["metadata"]["name"], each["metadata"].get("namespace"), each) for each in standing(tree)]
        return next((each for name, place, each in places if (name, place) == (named, namespace)), None)
    return tree["tenants/credit/resourcequota-quota"] if named == "quota" else catalogue(tree)


def is_asked(asked: Mapping[str, Any]) -> bool:
    """Whether the API server asks the policy at all: not where it lacks its parameter, and may."""
    return "paramKind" not in asked["policy"]["spec"] or asked["request"]["params"] is not None


def cases_of(paths: Sequence[Path], policy: str) -> list[Path]:
    """The files of a policy's cases."""
    return [path for path in paths if path.parent.parent.name == policy]
