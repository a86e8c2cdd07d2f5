"""An object is judged by a project as Argo CD judges it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judges.escapes import manifest, why_not


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"destinations": [{"namespace": "tenant-fraud"}], "namespaceResourceWhitelist": []}, "argoproj.io/Application is not permitted"),
        ({"destinations": [{"namespace": "tenant-1*"}]}, "namespace tenant-fraud is no destination"),
        ({"destinations": [{"namespace": "tenant-*"}]}, ""),
        ({"destinations": [{"namespace": "*"}], "namespaceResourceBlacklist": [{"group": "*", "kind": "App*"}]}, "argoproj.io/Application is not permitted"),
    ],
    ids=["empty-whitelist", "other-namespace", "pattern-permits", "blacklist"],
)  # fmt: skip
def test_project_is_judged_as_argo_cd_does(spec: dict[str, Any], reason: str) -> None:
    assert why_not({"spec": spec}, manifest("argoproj.io/v1alpha1", "Application", "tenant-fraud")) == reason
