"""The policy about images is in force before there is a list, too, and then lets none of them in."""

from __future__ import annotations

from typing import Any, cast

import pytest

from clusters.components.admission import policies
from tests.admission_server import ApiServer
from tests.root import ROOT
from tidegate.facts import inventory

pytestmark = pytest.mark.apiserver


def test_api_server_takes_the_policies_of_a_platform_without_a_list(api: ApiServer) -> None:
    platform = inventory.load(ROOT)
    assert platform.images == ()
    manifests = cast("list[dict[str, Any]]", list(policies.objects(platform, platform.clusters["live-1"])))
    pods = [one for one in manifests if one["metadata"]["name"] == "tenant-pods" and one["kind"] == "ValidatingAdmissionPolicy"]
    assert "'registry.example.com/tidegate/mlserver': []" in str(pods[0]["spec"]["variables"])
    answers = [api.apply(one, dry_run=True) for one in manifests]
    assert [answer.message for answer in answers if answer.code not in {200, 201}] == []
