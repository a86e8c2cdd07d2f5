"""Every certificate of a running region is watched, and today nothing is wrong with any, nor with the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.running_platform import REGIONS, Running
from tidegate.embedded.fleet.validity import time_problems
from tidegate.embedded.identity.certificates import VALID_DAYS

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

WATCHED = (
    "internet: pki/internet-ca.crt", "internet: upper/etc/machine/front.crt", "pki/ca.crt", "pki/etcd-ca.crt",
    "upper/etc/kubernetes/pki/apiserver.crt", "upper/etc/kubernetes/pki/kubelet-server.crt", "its kubeconfig", "the edge's certificate",
)  # fmt: skip


@pytest.mark.parametrize("region", REGIONS)
def test_nothing_is_wrong_with_a_regions_time_today(platform: Running, region: str) -> None:
    assert time_problems(platform.local, region, platform.cluster(region)) == []


@pytest.mark.parametrize("region", REGIONS)
def test_each_certificate_of_a_region_is_named_when_its_end_is_near(platform: Running, region: str) -> None:
    near = datetime.now(UTC) + timedelta(days=VALID_DAYS - 5)
    said = time_problems(platform.local, region, platform.cluster(region), near)
    for watched in WATCHED:
        assert any(watched in line and " ends on " in line for line in said), f"{watched} is not among {said}"
