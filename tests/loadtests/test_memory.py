"""The generator's memory does not grow with the run: ten minutes in `make soak`, some seconds in every run."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import pytest

from loadtests.plan import Endpoint, Plan
from loadtests.run import run
from loadtests.shapes import Poisson
from tests.loadtests.servers import known
from tests.root import ROOT, WHOLE
from tidegate import tools
from tidegate.facts.models.scaling import Slo

SECONDS = 600.0 if WHOLE else 5.0
RATE = 300.0
GROWS_AT_MOST_MIB = 4.0


def senders() -> list[int]:
    """Pids of the processes that send, once there are two."""
    for parent in tools.children(os.getpid()):
        found = tools.children(parent.pid)
        if len(found) == 2 and "locust" in tools.command_line(parent.pid):
            return [one.pid for one in found]
    return []


def memory_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return sum(int(kib) for kib in re.findall(r"^VmRSS:\s+([0-9]+)", status, re.MULTILINE)) / 1024


@pytest.mark.timeout(900)
def test_memory_of_the_generator_is_flat(tmp_path: Path) -> None:
    seen: dict[int, list[float]] = {}
    has_ended = threading.Event()

    def look() -> None:
        while not has_ended.wait(SECONDS / 40):
            for pid in senders():
                if mib := memory_mib(pid):
                    seen.setdefault(pid, []).append(mib)

    with known(tmp_path, {"latency": {"median_ms": 20, "sigma": 0.5}}) as (port, _):
        endpoint = Endpoint(
            name="known", protocol="v2", url=f"http://127.0.0.1:{port}/v2/models/m/infer", body={}, duration_seconds=SECONDS,
            arrivals=Poisson(requests_per_second=RATE), limits=Slo(p99_ms=500, availability=0.9),
        )  # fmt: skip
        looking = threading.Thread(target=look)
        looking.start()
        began = time.monotonic()
        try:
            judged = run(ROOT, Plan(endpoints=(endpoint,), processes=2))
        finally:
            has_ended.set()
            looking.join()
    assert judged.recording, judged.verdict.lines()
    assert time.monotonic() - began > SECONDS
    assert len(seen) == 2
    for mib in seen.values():
        assert len(mib) > 20
        assert mib[-3] - mib[len(mib) // 3] < GROWS_AT_MOST_MIB, mib
