"""Which paths callers reach, as Istio's templates say it."""

from __future__ import annotations

import re

import pytest

from clusters.components.network import paths
from tidegate.facts.platform import Platform

INFERENCE = [
    "/scorer/v2/models/scorer/infer", "/scorer/v2/models/scorer", "/scorer/v2/models/scorer/ready", "/scorer/v2/health/ready",
    "/decision/v1/models/decision:predict", "/decision/v1/models/decision:explain", "/chat/v1/chat/completions", "/chat/openai/v1/completions",
]  # fmt: skip
MANAGEMENT = [
    "/scorer/v2/repository/models/scorer/unload", "/scorer/v2/repository/index", "/scorer/v2/docs", "/scorer/docs", "/scorer/metrics",
    "/scorer/v2/models/scorer/config", "/scorer/v2/models/scorer/stats", "/scorer/v2/cudasharedmemory/status", "/scorer/v2/logging",
    "/scorer/v2/models/scorer/infer/more", "/scorer", "/scorer/", "/", "/chat/v1/embeddings", "/scorer/v2/models/a/b/infer", "/v2/models/scorer/infer",
]  # fmt: skip


def matches(template: str, path: str) -> bool:
    """As Envoy's template: `{*}` is one part, not empty and without a slash."""
    return re.fullmatch(re.escape(template).replace(re.escape("{*}"), "[^/]+"), path) is not None


@pytest.fixture(scope="module")
def served(platform: Platform) -> list[str]:
    return paths.served([model for tenant in platform.tenants.values() for model in tenant.models.values()], below_a_name=True)


@pytest.mark.parametrize("path", INFERENCE)
def test_inference_is_served(served: list[str], path: str) -> None:
    assert any(matches(one, path) for one in served)


@pytest.mark.parametrize("path", MANAGEMENT)
def test_management_is_not(served: list[str], path: str) -> None:
    assert not any(matches(one, path) for one in served)


def test_only_protocols_that_some_model_speaks_are_open(platform: Platform) -> None:
    scorer = platform.tenants["fraud"].models["scorer"]
    assert not [path for path in paths.served([scorer], below_a_name=False) if "v1" in path]
    assert "/v2/models/{*}/infer" in paths.served([scorer], below_a_name=False)
