"""What we render is let in: a policy that refuses it would stop the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.admission_server import ApiServer
from tidegate.facts import names

pytestmark = pytest.mark.apiserver

ARGO_CD = names.kubernetes_account(names.NAMESPACE_ARGOCD, names.CONTROLLER_ARGOCD)
ARGO_CD_GROUPS = ("system:authenticated", "system:serviceaccounts", names.account_group(names.NAMESPACE_ARGOCD))


def test_every_rendered_object_is_admitted(api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    refused: list[str] = []
    for path, manifest in tree.items():
        answer = api.apply(manifest, dry_run=True, user=ARGO_CD, groups=ARGO_CD_GROUPS)
        if answer.code not in {200, 201}:
            refused.append(f"{path}: {answer.message}")
    assert refused == []
