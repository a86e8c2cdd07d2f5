"""What a look at a process tells: its port and its command line."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from tidegate import tools


def test_only_the_process_that_holds_the_port_listens_on_it() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert tools.listens(tools.itself(), port)
        assert not tools.listens(tools.ServerProcess(1, 0), port)
    assert not tools.listens(tools.itself(), port)


def test_command_line_of_a_process_is_told_until_it_ended(tmp_path: Path) -> None:
    server = tools.start_server(["sleep", "60"], log_path=tmp_path / "log", cwd=tmp_path)
    ends = time.monotonic() + 10
    while tools.command_line(server.pid) == "ended" and time.monotonic() < ends:  # it has no arguments while it becomes `sleep`
        time.sleep(0.01)
    assert tools.command_line(server.pid) == "sleep 60"
    tools.stop_server(server, grace_seconds=0)
    assert tools.command_line(server.pid) == "ended"
