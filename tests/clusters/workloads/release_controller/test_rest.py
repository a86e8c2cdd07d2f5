"""What both replicas cost while nothing happens, on a real API server with the objects of 420 models."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusters.workloads.release_controller import kinds
from tests.admission_server import ApiServer, running_api_server
from tests.clusters.workloads.dense_pool.programs import Client, Program
from tests.clusters.workloads.release_controller.api_server_region import furnish, make_ready, release, revision, service
from tests.clusters.workloads.release_controller.test_on_api_server import replica, write_account
from tests.tidegate.release.world import files
from tidegate.contracts.release import Phase, ReleaseStatus, Revision
from tidegate.release.objects import guard_data, revision_of, route_object
from tidegate.release.observation import Guard, SetRoute, Target

pytestmark = [pytest.mark.apiserver, pytest.mark.soak]

MODELS, NAMESPACES = 420, 20
SECONDS = 120
MILLICORES, MEBIBYTES = 15, 200
"""Of both together."""

ENVIRONMENT = [{"name": f"VARIABLE_{one}", "value": "a value of some length, as KServe and Knative write them"} for one in range(40)]
"""A revision has some 6 kB."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with running_api_server(tmp_path_factory.mktemp("api-server")) as server:
        yield server


def settle(api: ApiServer, namespace: str, name: str) -> dict[str, str]:
    """A model at rest: everything as the controller would have left it; its part of the parameter."""
    api.must_apply(service(namespace, name, files(1)))
    owner = api.request("GET", kinds.SERVICES.path(namespace, name)).body
    item: dict[str, Any] = {}
    for number in (1, 2):
        wanted = revision(namespace, name, number, files(1))
        wanted["spec"]["containers"][0]["env"] = ENVIRONMENT
        item = api.create(wanted).body
        make_ready(api, item)
    found = revision_of(item)
    assert found
    stable = Revision(name=found.revision.name, uid=found.revision.uid, files=files(1), template=found.revision.template)
    api.must_apply(release(namespace, name, files(1), files(1)))
    there = api.request("GET", kinds.RELEASES.path(namespace, name)).body
    status = ReleaseStatus(phase=Phase.STEADY, stable=stable, message="users are on version 1, as Git says")
    there["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert api.request("PUT", kinds.RELEASES.path(namespace, name, "status"), there).code == 200
    route = route_object(namespace, name, owner, SetRoute((Target(stable.name, 100),), ""))
    for each in (route, {**route, "metadata": {**route["metadata"], "name": f"{name}-predictor"}}):
        assert api.create(each).code == 201
    return guard_data({}, name, Guard(stable.name, {stable.name: 100}, {stable.name: stable.sha256}))


def seconds_of(program: Program) -> float:
    assert program.process
    fields = Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(program: Program) -> dict[str, float]:
    assert program.process
    text = Path(f"/proc/{program.process.pid}/smaps_rollup").read_text()
    return {name: int(re.findall(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[0]) / 1024 for name in ("Rss", "Pss")}


def test_both_replicas_at_rest(api: ApiServer, tmp_path: Path, record_property: Any) -> None:
    account = write_account(tmp_path / "account", furnish(api), api)
    for place in range(NAMESPACES):
        namespace = f"tenant-rest-{place}"
        api.must_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        data: dict[str, str] = {}
        for one in range(MODELS // NAMESPACES):
            data |= settle(api, namespace, f"model-{one}")
        metadata = {"name": "releases", "namespace": namespace}
        assert api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).code == 201
    both = [replica(api, account, tmp_path / f"{pod}.log", program="clusters.workloads.release_controller") for pod in ("one", "other")]
    for one in both:
        one.start()
    try:
        wait_until_read(both)
        begun = [seconds_of(one) for one in both]
        time.sleep(SECONDS)
        millicores = [(seconds_of(one) - before) / SECONDS * 1000 for one, before in zip(both, begun, strict=True)]
        memory = [memory_of(one) for one in both]
    finally:
        for one in both:
            one.stop()
    record_property("millicores", sum(millicores))
    record_property("memory_mib", sum(one["Rss"] for one in memory))
    assert "Route" not in both[0].log.read_text() + both[1].log.read_text(), "nothing was to be written"
    assert sum(millicores) <= MILLICORES, millicores
    assert sum(one["Rss"] for one in memory) <= MEBIBYTES, memory


def wait_until_read(both: list[Program]) -> None:
    """Until one of them leads and has looked at every model."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for one in both:
            client = Client(one.port)
            text = client.ask("GET", "/metrics").body.decode()
            client.close()
            looked = re.search(r"tidegate_release_looks_total (\d+)", text)
            if looked and int(looked[1]) >= MODELS:
                time.sleep(15)
                return
        time.sleep(1)
    raise AssertionError(both[0].log.read_text()[-2000:])
