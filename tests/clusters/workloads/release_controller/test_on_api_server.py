"""The program as a process against a real API server, by its own account with the rights that it lists: Knative and Git are simulated."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.admission_server import ApiServer, running_api_server
from tests.clusters.workloads.dense_pool.programs import Program, free_ports
from tests.clusters.workloads.release_controller.api_server_region import (
    NAMESPACE,
    RELEASES,
    SERVICES,
    Region,
    furnish,
    living,
    release,
    service,
)
from tests.clusters.workloads.release_controller.program import BAD
from tests.root import ROOT, WHOLE
from tests.tidegate.release.world import files
from tidegate import tools

pytestmark = pytest.mark.apiserver

SCHEDULES = 200 if WHOLE else 6
AT_ONCE = 25
OF_DEATH = 0.04


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with running_api_server(tmp_path_factory.mktemp("api-server")) as server:
        yield server


@pytest.fixture(scope="module")
def account(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_account(tmp_path_factory.mktemp("account") / "account", furnish(api), api)


def write_account(folder: Path, token: str, api: ApiServer) -> Path:
    """As the kubelet does it."""
    folder.mkdir()
    (folder / "token").write_text(token, encoding="utf-8")
    (folder / "ca.crt").write_bytes(api.certificate.read_bytes())
    (folder / "namespace").write_text(NAMESPACE, encoding="utf-8")
    return folder


MORTAL = "tests.clusters.workloads.release_controller.program"


def replica(api: ApiServer, account: Path, log: Path, seed: int = 0, of_death: float = 0.0, *, program: str = MORTAL) -> Program:
    (port,) = free_ports(1)
    environment = {
        "RELEASE_API": f"https://127.0.0.1:{api.port}", "RELEASE_ACCOUNT": str(account), "RELEASE_POD": log.stem, "RELEASE_HOST": "127.0.0.1",
        "RELEASE_PORT": str(port), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", program, str(seed), str(of_death)]
    return Program(command, log, port, "/healthz", environment)


def begin(api: ApiServer, namespace: str, names: list[str]) -> None:
    api.must_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for name in names:
        api.must_apply(service(namespace, name, files(1)))
        api.must_apply(release(namespace, name, files(1), files(2)))


def is_over(api: ApiServer, namespace: str) -> bool:
    for item in api.request("GET", RELEASES.path(namespace)).body["items"]:
        status, version = item.get("status", {}), 1 if item["metadata"]["name"].startswith(BAD) else 2
        if (status.get("phase"), status.get("stable", {}).get("files", {}).get("version")) != ("Steady", version):
            return False
        if version == 2 and item["spec"]["promoted"]["version"] != 2:
            return False
        if version == 1 and not status["aborted"]:
            return False
    return True


def play(api: ApiServer, region: Region, namespace: str, programs: list[Program], seconds: float) -> int:
    """Until every release is over; how often a process died and was started again."""
    deaths, end = 0, time.monotonic() + seconds
    while not is_over(api, namespace):
        assert not region.wrong, region.wrong
        assert time.monotonic() < end, programs[0].log.read_text()[-3000:]
        for one in programs:
            assert one.process
            if not tools.is_running(one.process):
                deaths += 1
                one.command = [*one.command[:-2], str(int(one.command[-2]) + 1), one.command[-1]]
                one.start(wait=False)
        time.sleep(0.2)
    assert not region.wrong, region.wrong
    return deaths


def clear(api: ApiServer, namespace: str) -> None:
    for kind in (RELEASES, SERVICES):
        api.request("DELETE", kind.path(namespace))


def test_good_version_goes_up_by_its_steps_and_a_bad_one_is_taken_back(api: ApiServer, account: Path, tmp_path: Path) -> None:
    program = replica(api, account, tmp_path / "one.log")
    with living(api) as region:
        begin(api, "tenant-steps", ["good", BAD])
        program.start()
        try:
            play(api, region, "tenant-steps", [program], 120)
            events = api.request("GET", "/apis/events.k8s.io/v1/namespaces/tenant-steps/events").body["items"]
        finally:
            program.stop()
    assert sorted({*region.shares["tenant-steps", "good"]}) == [0, 10, 25, 50, 100]
    assert sorted({*region.shares["tenant-steps", BAD]}) == [0, 10]
    assert {one["reason"] for one in events} >= {"Begun", "Step", "Promoted", "Aborted"}
    clear(api, "tenant-steps")


def test_killed_around_its_writes_it_leaves_nothing_unsafe(api: ApiServer, account: Path, tmp_path: Path) -> None:
    deaths = 0
    with living(api) as region:
        for first in range(0, SCHEDULES, AT_ONCE):
            namespace = f"tenant-killed-{first}"
            count = min(AT_ONCE, SCHEDULES - first)
            begin(api, namespace, [f"{'good' if one % 2 else BAD}-{one}" for one in range(count)])
            programs = [
                replica(api, account, tmp_path / f"{pod}-{first}.log", 100 * first + seed, OF_DEATH)
                for pod, seed in (("one", 0), ("other", 50))
            ]
            for one in programs:
                one.start(wait=False)
            try:
                deaths += play(api, region, namespace, programs, 400)
            finally:
                for one in programs:
                    one.stop()
            clear(api, namespace)
    assert deaths > SCHEDULES / 4, "it was killed"


def test_paused_process_does_not_write_when_it_wakes(api: ApiServer, account: Path, tmp_path: Path) -> None:
    one, other = (replica(api, account, tmp_path / f"{pod}.log") for pod in ("one", "other"))
    with living(api) as region:
        begin(api, "tenant-paused", ["good"])
        one.start()
        try:
            end = time.monotonic() + 60
            while 25 not in region.shares.get(("tenant-paused", "good"), []) and time.monotonic() < end:
                time.sleep(0.05)
            one.send(signal.SIGSTOP)
            other.start()
            play(api, region, "tenant-paused", [other], 120)
            said = len(one.log.read_text())
            one.send(signal.SIGCONT)
            time.sleep(3)
            after = one.log.read_text()[said:]
        finally:
            one.stop()
            other.stop()
    assert "did not renew the lease" in after
    assert "tenant-paused/good: Stepping" not in after
    clear(api, "tenant-paused")
