"""The one door to the outside: errors tell what was run, and only the very process we started is ever signalled."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidegate import tools
from tidegate.errors import ToolError, ToolMissingError
from tidegate.tools import processes

PYTHON = sys.executable
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
POLITE = "import time; print('ready', flush=True); time.sleep(60)"


def _script(text: str) -> list[str]:
    return [PYTHON, "-c", text]


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], tools.ServerProcess]]:
    """Starts a script as a server and waits for its `ready`; whatever is left at the end is stopped."""
    started: list[tools.ServerProcess] = []

    def start(text: str) -> tools.ServerProcess:
        log = tmp_path / f"server-{len(started)}.log"
        started.append(tools.start_server(_script(text), log_path=log))
        _wait_until(lambda: "ready" in log.read_text())
        return started[-1]

    yield start
    for server in started:
        if tools.is_running(server):
            os.kill(server.pid, signal.SIGKILL)
            _wait_until(lambda server=server: not tools.is_running(server))


def test_run_returns_both_outputs() -> None:
    done = tools.run(_script("import sys; print('out'); print('err', file=sys.stderr)"))

    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert done.seconds > 0


def test_run_keeps_stderr_exit_code_and_the_quoted_command_in_the_error() -> None:
    with pytest.raises(ToolError) as failed:
        tools.run(_script("import sys; print('out'); sys.stderr.write('no such bucket\\n'); sys.exit(3)"))

    assert failed.value.exit_code == 3
    assert failed.value.stderr == "no such bucket\n"
    assert failed.value.command == tools.quoted(_script("import sys; print('out'); sys.stderr.write('no such bucket\\n'); sys.exit(3)"))
    assert str(failed.value) == f"exit code 3 from: {failed.value.command}\nno such bucket"


def test_run_shows_stdout_when_stderr_is_empty() -> None:
    with pytest.raises(ToolError, match="only here"):
        tools.run(_script("import sys; print('only here'); sys.exit(1)"))


def test_command_is_quoted_so_that_a_shell_takes_it_as_it_was() -> None:
    assert tools.quoted(["echo", "a b", "$HOME", "it's"]) == """echo 'a b' '$HOME' 'it'"'"'s'"""


def test_run_never_hands_arguments_to_a_shell() -> None:
    assert tools.run([*_script("import sys; print(sys.argv[1])"), "$(id); `id` && id"]).stdout == "$(id); `id` && id\n"


@pytest.mark.parametrize("way", ["run", "stream", "start-server"])
def test_missing_program_is_named_with_what_to_do(way: str, tmp_path: Path) -> None:
    command = ["no-such-program", "--flag", "a b"]

    with pytest.raises(ToolMissingError) as missing:  # noqa: PT012 - three ways to the same refusal
        match way:
            case "run":
                tools.run(command)
            case "stream":
                tools.stream(command, print)
            case _:
                tools.start_server(command, log_path=tmp_path / "log")

    assert missing.value.exit_code == 127
    assert "no-such-program is not on PATH" in str(missing.value)
    assert "tidegate doctor" in str(missing.value)
    assert missing.value.command == "no-such-program --flag 'a b'"


def test_run_that_takes_too_long_is_ended_with_its_time_in_the_error() -> None:
    started = time.monotonic()

    with pytest.raises(ToolError, match=r"not finished after 0\.5 s") as failed:
        tools.run(_script("import time; time.sleep(30)"), timeout_seconds=0.5)

    assert failed.value.exit_code == 124
    assert time.monotonic() - started < 10


def test_environment_is_added_to_ours_and_input_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "yes")
    script = "import os, sys; print(os.environ['INHERITED'], os.environ['GIVEN'], repr(sys.stdin.read()), os.getcwd())"

    assert tools.run(_script(script), env={"GIVEN": "too"}, cwd=tmp_path).stdout == f"yes too '' {tmp_path}\n"


def test_commands_are_logged_quoted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="tidegate.tools"):
        tools.run(["true", "a b"])

    assert caplog.messages == ["run true 'a b'"]


def test_stream_hands_over_each_line_of_both_outputs_in_order() -> None:
    lines: list[str] = []
    script = "import sys\nfor i in range(3):\n print('out', i, flush=True)\n print('err', i, file=sys.stderr, flush=True)"

    seconds = tools.stream(_script(script), lines.append)

    assert lines == ["out 0", "err 0", "out 1", "err 1", "out 2", "err 2"]
    assert seconds > 0


def test_stream_keeps_the_last_lines_and_the_quoted_command_in_the_error() -> None:
    with pytest.raises(ToolError) as failed:
        tools.stream(_script("import sys; [print(i) for i in range(10)]; sys.exit(4)"), lambda _: None, remembered_lines=3)

    assert failed.value.exit_code == 4
    assert failed.value.stderr == "7\n8\n9"
    assert failed.value.command.startswith(f"{PYTHON} -c 'import sys;")


def test_stream_tells_the_failure_of_a_program_that_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def remembered_late(pid: int) -> tools.ServerProcess:
        while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
            time.sleep(0.01)
        return processes.remembered(pid)

    monkeypatch.setattr(tools, "remembered", remembered_late)
    with pytest.raises(ToolError, match="exit code 3"):
        tools.stream(["sh", "-c", "exit 3"], print)


def test_stream_stops_its_program_when_the_listener_fails() -> None:
    pids: list[int] = []

    def listen(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tools.stream(_script("import os, time; print(os.getpid(), flush=True); time.sleep(60)"), listen)

    assert not Path(f"/proc/{pids[0]}").exists()


def test_server_runs_in_a_session_of_its_own_and_appends_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "new" / "server.log"
    for _ in range(2):
        server = tools.start_server(_script("import os; print(os.getsid(0) == os.getpid())"), log_path=log)
        _wait_until(lambda server=server: not tools.is_running(server))

    assert log.read_text() == "True\nTrue\n"


def test_server_is_stopped_by_request(serve: Callable[[str], tools.ServerProcess]) -> None:
    server = serve(POLITE)
    assert tools.is_running(server)

    assert tools.stop_server(server, grace_seconds=10)
    assert not tools.is_running(server)
    assert not Path(f"/proc/{server.pid}").exists(), "left as a zombie"


def test_server_that_ignores_the_request_is_forced_after_the_grace(serve: Callable[[str], tools.ServerProcess]) -> None:
    server, started = serve(STUBBORN), time.monotonic()

    assert tools.stop_server(server, grace_seconds=0.5)

    assert not tools.is_running(server)
    assert 0.5 <= time.monotonic() - started < 10


def test_stopping_a_server_that_is_gone_says_so(serve: Callable[[str], tools.ServerProcess]) -> None:
    server = serve(POLITE)
    tools.stop_server(server)

    assert not tools.stop_server(server)


def test_process_that_got_the_pid_of_a_server_is_never_signalled(
    serve: Callable[[str], tools.ServerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    bystander = serve(POLITE)
    remembered = tools.ServerProcess(bystander.pid, bystander.start_ticks - 1)
    signalled: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        signalled.append((pid, number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", kill)

        assert not tools.is_running(remembered)
        assert not tools.stop_server(remembered)

    assert signalled == []
    assert tools.is_running(bystander)


def test_process_that_gets_the_pid_during_the_grace_is_not_killed(
    serve: Callable[[str], tools.ServerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(POLITE)
    signalled: list[tuple[int, int]] = []

    def ticks(pid: int) -> int:
        # Once it was signalled, the kernel shows another process under that pid.
        return server.start_ticks + (1 if (pid, signal.SIGTERM) in signalled else 0)

    def kill(pid: int, number: int) -> None:
        signalled.append((pid, number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", kill)
        patched.setattr(processes, "start_ticks_of", ticks)
        assert tools.stop_server(server, grace_seconds=0.2)

    assert signalled == [(server.pid, signal.SIGTERM)]


def test_name_of_a_program_with_brackets_and_spaces_does_not_hide_its_start_tick(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    server = tools.start_server([str(program), "60"], log_path=tmp_path / "log")

    assert server.start_ticks > 1
    assert tools.is_running(server)
    assert tools.stop_server(server)


def test_find_tells_where_a_program_is() -> None:
    assert tools.find("no-such-program") is None
    found = tools.find("sh")
    assert found
    assert found.is_absolute()


def test_interrupt_lets_what_a_program_started_finish_before_the_program(tmp_path: Path) -> None:
    """As with cdktf and terraform: the parent kills its child when it is interrupted, the child would write its state."""
    child = tmp_path / "child.py"
    child.write_text(
        "import pathlib, signal, sys, time\n"
        "def finish(*_): time.sleep(0.3); pathlib.Path('state').write_text('written'); sys.exit(0)\n"
        "signal.signal(signal.SIGINT, finish)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = tmp_path / "parent.py"
    parent.write_text(
        "import signal, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, 'child.py'])\n"
        "def kill(*_): child.kill(); sys.exit(1)\n"
        "signal.signal(signal.SIGINT, kill)\n"
        "sys.exit(child.wait())\n"
    )

    def interrupt(line: str) -> None:
        if line == "ready":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tools.stream([sys.executable, "parent.py"], interrupt, cwd=tmp_path)
    assert (tmp_path / "state").read_text() == "written"
