"""A region is listed, watched and listed again; what goes wrong is told, and mended by the next list."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests import admission_server
from tests.root import ROOT
from tests.tidegate.metering import objects
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build
from tidegate.errors import ToolError
from tidegate.facts import inventory
from tidegate.live.kubernetes import Kubernetes
from tidegate.metering import region_source
from tidegate.metering.billing.allotment import Owner, Reason
from tidegate.metering.billing.entries import LedgerEntry
from tidegate.metering.billing.events import AllListed, Event, PodGone, PodSeen, RequestsCounted, Tick, WatchLost
from tidegate.metering.ledger import open_ledger, read_file
from tidegate.metering.meter import meter
from tidegate.metering.observed import tenancy_of
from tidegate.metering.region_source import RegionSource
from tidegate.tools.waiting import wait_until

TENANCY = tenancy_of(inventory.load(ROOT))


def a_list(*items: objects.Object) -> str:
    return json.dumps({"metadata": {"resourceVersion": "7"}, "items": items})


HANG = "says nothing more, and does not end"


@dataclass
class Script:
    """What the server answers to lists, in order, and what each watch of pods then says. Asked for more, it ends the source."""

    lists: list[tuple[str, str] | None]
    changes: list[list[str]] = field(default_factory=list[list[str]])
    counters: str = "{}"
    asked: list[str] = field(default_factory=list[str])
    stop: threading.Event = field(default_factory=threading.Event)


class Scripted(Kubernetes):
    script: Script

    def __init__(self, script: Script) -> None:
        super().__init__(Path("kubectl"), Path("kubeconfig"))
        object.__setattr__(self, "script", script)

    def run(self, *arguments: str, stdin: str = "", timeout_seconds: float = 60) -> str:
        del stdin, timeout_seconds
        path = arguments[-1].removeprefix("--raw=")
        self.script.asked.append(path)
        if "prometheus" in path:
            return self.script.counters
        if not self.script.lists:
            self.script.stop.set()
            raise ToolError("kubectl", 1, "the script has ended")
        answer = self.script.lists[0]
        if answer is None:
            self.script.lists.pop(0)
            raise ToolError("kubectl", 1, "The connection to the server was refused")
        if path == "/api/v1/pods":
            self.script.lists.pop(0)
        return answer[0] if path == "/api/v1/nodes" else answer[1]

    def watch(self, path: str, on_line: Callable[[str], None]) -> None:
        self.script.asked.append(path)
        if path.startswith("/api/v1/pods"):
            for line in self.script.changes.pop(0):
                if line == HANG:
                    threading.Event().wait(600)
                on_line(line)
        else:
            threading.Event().wait(600)  # nodes are quiet


def events_of(script: Script, monkeypatch: pytest.MonkeyPatch, told: list[str] | None = None) -> Sequence[Event]:
    """Everything until the script has ended, which the source takes for a loss."""
    monkeypatch.setattr(region_source, "RETRY_SECONDS", 0)
    lines = told if told is not None else []
    source = RegionSource(Scripted(script), TENANCY, script.stop, lines.append, clock_ms=lambda: 1_800_000_000_000)
    *found, last = [event for event in source if not isinstance(event, Tick)]
    assert isinstance(last, WatchLost)
    assert lines.pop() == "not watched: the script has ended"
    return found


def change(kind: str, document: objects.Object) -> str:
    return json.dumps({"type": kind, "object": document})


def test_list_comes_first_then_changes_then_the_next_list(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes, pods = a_list(objects.node()), a_list(objects.pod())
    script = Script([(nodes, pods), (nodes, pods)], [[change("MODIFIED", objects.pod()), change("DELETED", objects.pod())], []])
    events = events_of(script, monkeypatch)
    assert [type(event) for event in events] == [AllListed, PodSeen, PodGone, AllListed]
    listed = events[0]
    assert isinstance(listed, AllListed)
    assert [node.name for node in listed.nodes] == ["gpu-1"]
    assert [pod.tenant for pod in listed.pods] == ["assistant"]
    assert "/api/v1/pods?watch=1&resourceVersion=7&timeoutSeconds=240" in script.asked


def test_server_that_does_not_answer_is_told_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    script = Script([None, None, (a_list(), a_list())], [[]])
    events = events_of(script, monkeypatch, told)
    assert [type(event) for event in events] == [WatchLost, WatchLost, AllListed]
    assert told == ["not watched: The connection to the server was refused", "watched again"]


@pytest.mark.parametrize("line", [change("ERROR", {"code": 410, "message": "too old resource version"}), "error: you must be logged in"])
def test_watch_that_is_refused_leads_to_a_new_list(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    script = Script([(a_list(), a_list()), (a_list(objects.node()), a_list())], [[line, HANG], []])
    assert [type(event) for event in events_of(script, monkeypatch)] == [AllListed, AllListed]


def test_object_that_is_not_as_promised_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = objects.pod("odd", containers=[{"resources": {"requests": {"cpu": "lots"}}}])
    script = Script([(a_list(objects.node()), a_list(odd, objects.pod()))], [[change("ADDED", odd), change("ADDED", objects.pod())]])
    listed, seen = events_of(script, monkeypatch)
    assert isinstance(listed, AllListed)
    assert [pod.name for pod in listed.pods] == ["chat-1"]
    assert isinstance(seen, PodSeen)


def test_counters_of_tenants_are_read_from_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    def series(namespace: str, total: str) -> dict[str, object]:
        return {"metric": {"namespace": namespace, "pod": "chat-1", "model": "chat", "tenant": "forged"}, "value": [0, total]}

    answer = {"data": {"result": [series("tenant-assistant", "41"), series("istio-ingress", "99")]}}
    script = Script([(a_list(), a_list())], [[]], json.dumps(answer))
    (counted,) = [event for event in events_of(script, monkeypatch) if isinstance(event, RequestsCounted)]
    assert (counted.tenant, counted.model, counted.pod, counted.total) == ("assistant", "chat", "chat-1", 41)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[admission_server.ApiServer]:
    with admission_server.running_api_server(tmp_path) as server:
        yield server


@pytest.mark.apiserver
def test_real_api_server_is_metered(api: admission_server.ApiServer, tmp_path: Path) -> None:
    cluster = Kubernetes(build(Checkout(ROOT), lambda _s, _w: None, only=["kubectl"])["kubectl"], kubeconfig(api, tmp_path))
    for manifest in (
        namespaced(),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "tenant-assistant"}},
    ):
        assert api.create(manifest).code == 201
    source, closed, happened = RegionSource(cluster, TENANCY), list[LedgerEntry](), threading.Condition()

    def on_entry(entry: LedgerEntry) -> None:
        with happened:
            closed.append(entry)
            happened.notify()

    def run() -> None:
        with open_ledger(tmp_path / "ledger", "live-1") as ledger:
            meter(source, ledger, "live-1", close_seconds=1, on_entry=on_entry)

    def wait_for(owner: Owner, reason: Reason) -> None:
        def is_there() -> bool:
            return any((use.owner, use.reason) == (owner, reason) for entry in closed for use in entry.uses)

        with happened:
            assert happened.wait_for(is_there, timeout=60), f"no {owner} {reason} in {closed}"

    thread = threading.Thread(target=run)
    thread.start()
    try:
        put_with_status(api, objects.node())
        wait_for(Owner.IDLE, Reason.IDLE)
        read = objects.pod()
        put_with_status(api, read)
        wait_for(Owner.TENANT, Reason.COLD_START)
        read["status"]["conditions"][1] |= {"status": "True"}
        put_status(api, read)
        wait_for(Owner.TENANT, Reason.SERVING)
        assert api.request("DELETE", f"{api.path(read)}?gracePeriodSeconds=0").code == 200
        assert api.request("DELETE", api.path(objects.node())).code == 200
        before = len(closed)
        with happened:
            assert happened.wait_for(lambda: any(not entry.nodes for entry in closed[before:]), timeout=60)
    finally:
        source.stop.set()
        thread.join()
        tools.interrupt_streams(grace_seconds=2)
    uses = [use for entry in closed for use in entry.uses if use.owner is Owner.TENANT]
    assert {(use.tenant, use.model, use.instance_type, use.capacity) for use in uses} == {("assistant", "chat", "g6.xlarge", "spot")}
    assert all(use.card_us for use in uses)


@pytest.mark.apiserver
def test_meter_that_is_killed_and_started_again_leaves_no_gap_and_counts_nothing_twice(
    api: admission_server.ApiServer, tmp_path: Path
) -> None:
    put_with_status(api, objects.node())
    folder = tmp_path / "ledger"
    command = [
        str(ROOT / ".venv/bin/tidegate"),
        "cost",
        "meter",
        "--region=live-1",
        f"--kubeconfig={kubeconfig(api, tmp_path)}",
        f"--ledger={folder}",
    ]
    first = tools.start_server([*command, "--close-seconds=1"], log_path=tmp_path / "meter.log", cwd=ROOT)
    left_over = list[tools.ServerProcess]()
    try:
        wait_until(lambda: len(entries(folder)) > 1, "two lines of the ledger", patience_seconds=120)
        left_over = tools.descendants(first.pid)
    finally:
        os.kill(first.pid, signal.SIGKILL)
        for server in left_over:
            tools.stop_server(server, grace_seconds=0)  # kubectl would see only at the next change that nobody listens
    wait_until(lambda: not tools.is_running(first), "the end of the meter", patience_seconds=10)
    killed = entries(folder)
    tools.run([*command, "--close-seconds=2", "--seconds=3"], cwd=ROOT)
    found = entries(folder)
    assert found[: len(killed)] == killed
    assert len(found) > len(killed)
    assert all(earlier.end_ms == later.start_ms for earlier, later in pairwise(found))
    assert [sum(time.node_us for time in one.nodes) for one in found] == [1000 * (one.end_ms - one.start_ms) for one in found]
    assert found[len(killed)].unwatched_ms > 0


def entries(folder: Path) -> list[LedgerEntry]:
    files = sorted(folder.glob("*/*.jsonl"))
    return [one for path in files for one in read_file(path).entries]


def namespaced() -> objects.Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tenant-assistant"}}


def put_with_status(api: admission_server.ApiServer, manifest: objects.Object) -> None:
    metadata = {key: manifest["metadata"][key] for key in ("name", "namespace", "labels") if key in manifest["metadata"]}
    created = api.create({**manifest, "metadata": metadata, "status": {}})
    assert created.code == 201, created.message
    put_status(api, {**manifest, "metadata": metadata})


def put_status(api: admission_server.ApiServer, manifest: objects.Object) -> None:
    answer = api.request(
        "PATCH", f"{api.path(manifest)}/status", {"status": manifest["status"]}, content_type="application/merge-patch+json"
    )
    assert answer.code == 200, answer.message


def kubeconfig(api: admission_server.ApiServer, folder: Path) -> Path:
    def named(kind: str, inner: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"name": "region", kind: inner}]

    port = api._connection.port  # pyright: ignore[reportPrivateUsage]
    token = admission_server.TOKEN  # pyright: ignore[reportPrivateUsage]
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "region",
        "clusters": named("cluster", {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(folder / "apiserver.crt")}),
        "users": named("user", {"token": token}),
        "contexts": named("context", {"cluster": "region", "user": "region"}),
    }  # fmt: skip
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
