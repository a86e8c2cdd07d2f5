"""The machines stop as at a shutdown and go on where they were; what is killed at last leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.acceptance.running_platform import EXECUTED, REGIONS, Running, tell, wait_for
from tidegate.embedded import lifecycle, regions
from tidegate.embedded.fleet import bring_up

pytestmark = pytest.mark.timeout(1800)

MARKER = "e2e-remembers"


def on_progress(subject: str, what: str) -> None:
    tell(f"{subject}: {what}")


def test_stop_and_start_keep_etcd_and_models(platform: Running, record_property: Callable[[str, object], None]) -> None:
    for region in REGIONS:
        platform.cluster(region).run("create", "configmap", MARKER, "--namespace=default", f"--from-literal=region={region}")
    try:
        bring_up.pause(platform.local, on_progress)
        left = [name for name in (*REGIONS, "internet", "host") if platform.local.machine(name).process()]
        assert not left, f"still running after the stop: {left}"
        up = lifecycle.bring_up(platform.checkout, on_progress, only_stacks=lifecycle.STACKS_FOR_REGIONS)
        assert up.regions
        record_property("phases", dict(up.regions.phases))
        for region in REGIONS:
            kept = platform.read(region, f"configmap/{MARKER}", "--namespace=default")
            assert kept["data"] == {"region": region}
    finally:
        for region in REGIONS:
            platform.cluster(region).run("delete", "configmap", MARKER, "--namespace=default", "--ignore-not-found")
    for region, reference in EXECUTED:

        def look(region: str = region, reference: str = reference) -> int:
            return platform.ask(region, reference).status

        wait_for(f"{reference} of {region} answers after the restart", look, lambda status: status == 200, 240, 1)


def test_killed_machine_leaves_nothing_behind(platform: Running) -> None:
    """Ends the regions, so only where this session brought them up."""
    if not platform.is_ours:
        pytest.skip("the platform ran before this session, so it is left running")
    holder = platform.local.machine("live-2").process()
    assert holder
    os.kill(holder.pid, signal.SIGKILL)
    regions.take_down_regions(platform.checkout, platform.local.platform, on_progress)
    assert bring_up.left_over(platform.local) == []
