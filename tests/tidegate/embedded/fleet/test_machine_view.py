"""What runs in the machines is asked of their supervisors, and what they said is found by name."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import pytest
import yaml

from tests.root import ROOT
from tests.tidegate.embedded.edge_server import make_local
from tidegate import tools
from tidegate.embedded.fleet import machine_view
from tidegate.embedded.fleet.bring_up import Local, kubeconfig_path
from tidegate.embedded.fleet.machine_view import ProgramState, loopback_addresses, read_programs
from tidegate.errors import MachineError, UsageError

RUNNING: dict[str, Any] = {
    "name": "etcd", "group": "etcd", "start": 1000, "stop": 0, "now": 1062, "state": 20, "statename": "RUNNING", "spawnerr": "",
    "exitstatus": 0, "logfile": "/var/log/machine/etcd.log", "pid": 50, "description": "pid 50, uptime 0:01:02",
}  # fmt: skip


class _Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False  # a unix socket has none

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        del format, args


class _Supervisor(socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    def __init__(self, path: Path, processes: list[dict[str, Any]]) -> None:
        SimpleXMLRPCDispatcher.__init__(self)
        self.register_function(lambda: processes, "supervisor.getAllProcessInfo")
        super().__init__(str(path), cast("Any", _Handler))


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """The socket of a supervisor, and the programs it tells of."""
    path, processes = tmp_path / "s.sock", [RUNNING]
    with _Supervisor(path, processes) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield path, processes
        server.shutdown()
        thread.join()


@pytest.fixture
def local(tmp_path: Path) -> Local:
    return make_local(tmp_path, {})


def write_logs(local: Local, machine: str, **logs: str) -> None:
    folder = local.machine(machine).logs
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in logs.items():
        (folder / f"{name}.log").write_text(text)


def test_programs_with_state_pid_and_uptime(supervised: tuple[Path, list[dict[str, Any]]]) -> None:
    path, processes = supervised
    processes += [
        RUNNING | {"name": "kubelet", "statename": "BACKOFF", "pid": 0, "exitstatus": 1},
        RUNNING | {"name": "kwok", "statename": "FATAL", "pid": 0, "spawnerr": "can't find command '/opt/bin/kwok'"},
        RUNNING | {"name": "pause", "statename": "STOPPED", "pid": 0, "exitstatus": 143},
    ]
    assert read_programs(path) == (
        ProgramState("etcd", "RUNNING", 50, 62, ""), ProgramState("kubelet", "BACKOFF", 0, 0, "ended with exit code 1"),
        ProgramState("kwok", "FATAL", 0, 0, "can't find command '/opt/bin/kwok'"), ProgramState("pause", "STOPPED", 0, 0, ""),
    )  # fmt: skip


def test_supervisor_that_is_gone_or_speaks_otherwise_is_said(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="does not answer"):
        read_programs(tmp_path / "s.sock")
    with _Supervisor(tmp_path / "other.sock", []) as server:
        del server.funcs["supervisor.getAllProcessInfo"]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(MachineError, match="is not supported"):
            read_programs(tmp_path / "other.sock")
        thread.join()


def test_stopped_machines_are_listed_and_one_that_does_not_answer_says_so(local: Local) -> None:
    found = {one.name: one for one in machine_view.read_machines(local, sample_seconds=0)}
    assert list(found) == ["internet", "host", "live-1", "live-2"]
    assert (found["live-1"].running, found["live-1"].programs, found["live-1"].problem) == (False, (), "")
    assert found["internet"].running  # its record names this very process
    assert found["internet"].problem.startswith("the supervisor behind /run/tidegate/")


def test_regions_that_run_nearest_first(local: Local) -> None:
    assert machine_view.running_regions(local) == []
    assert machine_view.nearest_regions(local) == ["live-1", "live-2"]


def test_unknown_machine_is_refused_with_those_there_are(local: Local) -> None:
    with pytest.raises(UsageError, match="no machine 'live-9'; there are internet, host, live-1, live-2"):
        machine_view.find_machine(local, "live-9")


def test_log_is_found_by_machine_and_program(local: Local) -> None:
    write_logs(local, "live-1", kubelet="a\n", etcd="b\n")
    (local.machine("live-1").folder / "machine.log").write_text("c\n")
    assert machine_view.find_log(local, "live-1/kubelet").read_text() == "a\n"
    assert machine_view.find_log(local, "live-1/machine").read_text() == "c\n"


@pytest.mark.parametrize("reference", ["live-1/nothing", "live-1", "live-1/../host/etcd"])
def test_unknown_log_is_refused_with_those_there_are(local: Local, reference: str) -> None:
    write_logs(local, "live-1", kubelet="a\n", etcd="b\n")
    with pytest.raises(UsageError, match="; there are live-1/etcd, live-1/kubelet"):
        machine_view.find_log(local, reference)


def test_log_of_a_machine_that_never_ran_is_refused(local: Local) -> None:
    with pytest.raises(UsageError, match="there are none: live-2 has never run here"):
        machine_view.find_log(local, "live-2/etcd")


@pytest.mark.parametrize("width", [10, 1000], ids=["in-one-block", "over-many-blocks"])
def test_tail_gives_the_last_lines(tmp_path: Path, width: int) -> None:
    path = tmp_path / "log"
    written = [f"{number:0{width}}" for number in range(300)]
    path.write_text("\n".join(written) + "\n")
    assert machine_view.tail(path, 100) == written[-100:]
    assert machine_view.tail(path, 1000) == written
    assert machine_view.tail(path, 0) == []


def test_tail_of_what_is_no_text_or_empty(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\nlast")
    assert machine_view.tail(tmp_path / "log", 1) == ["last"]
    (tmp_path / "log").write_bytes(b"")
    assert machine_view.tail(tmp_path / "log", 5) == []


def write_kubeconfig(local: Local, region: str) -> Path:
    entries: dict[str, list[dict[str, Any]]] = {
        "clusters": [{"name": region, "cluster": {"server": f"https://127.0.0.1/{region}"}}],
        "users": [{"name": region, "user": {}}],
        "contexts": [{"name": region, "context": {"cluster": region, "user": region}}],
    }
    path = kubeconfig_path(local, region)
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **entries, "current-context": region}))
    return path


def test_kubeconfig_of_a_region_or_of_the_nearest_that_has_one(local: Local) -> None:
    second = write_kubeconfig(local, "live-2")
    assert machine_view.find_kubeconfig(local, None) == second
    first = write_kubeconfig(local, "live-1")
    assert machine_view.find_kubeconfig(local, None) == first
    assert machine_view.find_kubeconfig(local, "live-2") == second


def test_kubeconfig_that_is_not_there_is_said(local: Local) -> None:
    with pytest.raises(MachineError, match="live-1 has no kubeconfig yet; bring it up with `tidegate up`"):
        machine_view.find_kubeconfig(local, "live-1")
    with pytest.raises(MachineError, match="no region has a kubeconfig yet"):
        machine_view.find_kubeconfig(local, None)
    with pytest.raises(UsageError, match="no region 'live-3'; there are live-1, live-2"):
        machine_view.find_kubeconfig(local, "live-3")
    with pytest.raises(MachineError, match="no region has a kubeconfig yet"):
        machine_view.merged_kubeconfig(local)


def test_merged_kubeconfig_has_a_context_for_each_region(local: Local) -> None:
    write_kubeconfig(local, "live-2")
    write_kubeconfig(local, "live-1")
    merged = yaml.safe_load(machine_view.merged_kubeconfig(local))
    assert merged["current-context"] == "live-1"
    for key in ("clusters", "users", "contexts"):
        assert [one["name"] for one in merged[key]] == ["live-1", "live-2"]


def test_becoming_a_program_that_does_not_exist_is_refused() -> None:
    with pytest.raises(tools.ToolMissingError, match="no-such-program is not on PATH"):
        tools.become(["no-such-program"])


def test_becoming_a_program_leaves_nothing_of_us() -> None:
    python = str(ROOT / ".venv" / "bin" / "python")
    code = "from tidegate import tools; print('before'); tools.become(['sh', '-c', 'echo $0 $1', 'after', 'it']); print('never')"
    assert tools.run([python, "-c", code], cwd=ROOT).stdout == "before\nafter it\n"


def test_everything_reached_on_this_machine_has_an_address(tmp_path: Path) -> None:
    local = make_local(tmp_path, {})
    addresses = loopback_addresses(local)
    assert addresses.keys() == local.relays().keys()
    assert addresses["login"] == f"https://127.0.0.1:{local.relays()['login'][0]}"
    assert addresses["prometheus-live-1"].startswith("http://127.0.0.1:")
    (local.machine("host").folder / "process.json").unlink()
    assert loopback_addresses(local) == {}
