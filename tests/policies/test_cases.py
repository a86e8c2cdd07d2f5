"""Each case of each policy is sent to a real API server: let in, or refused with its message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.admission import policies
from tests.admission_server import ApiServer
from tests.policies.cases import FILES, group_of, object_of, read_case, sent
from tidegate.facts.platform import Platform

REFUSED = 422


def case_id(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


@pytest.fixture(scope="module")
def alone(platform: Platform) -> frozenset[str]:
    """Policies that the API server has under their own names."""
    listed = cast("list[dict[str, Any]]", list(policies.objects(platform, platform.clusters["live-1"], without=())))
    return frozenset(each["metadata"]["name"] for each in listed)


@pytest.mark.apiserver
@pytest.mark.parametrize("path", FILES, ids=case_id)
def test_case(path: Path, api: ApiServer, tree: Mapping[str, dict[str, Any]], alone: frozenset[str]) -> None:
    case = read_case(path)
    manifest = object_of(case, tree)
    answer = sent(api, case, manifest)
    if case.message is None:
        assert answer.code == (201 if case.verb == "create" else 200), answer.message
        return
    policy = path.parent.parent.name
    assert answer.code == REFUSED, f"let in, or refused by somebody else: {answer.code} {answer.message}"
    name, message = (policy, case.message) if policy in alone else (group_of(manifest), f"{policy}: {case.message}")
    told = f"Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}-told': {message}"
    assert told in answer.warnings


def test_every_rule_of_every_policy_has_a_case_that_it_refuses_and_every_policy_one_that_it_lets_in(platform: Platform) -> None:
    told: dict[str, set[str | None]] = {}
    for path in FILES:
        told.setdefault(path.parent.parent.name, set()).add(read_case(path).message)
    wanted = {
        policy["metadata"]["name"]: {None, *(validation["message"] for validation in policy["spec"]["validations"])}
        for policy, _ in policies.by_folder(platform, platform.clusters["live-1"])
    }
    assert told == wanted
