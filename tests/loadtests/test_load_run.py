"""Real runs of Locust against servers on loopback: what is true is measured or the run is invalid, and every failure is counted by its kind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadtests.plan import Endpoint, Plan
from loadtests.recording import Histogram, Recorded, Recording, merged
from loadtests.run import Judged, run
from loadtests.sent import sent_in
from loadtests.shapes import Constant
from tests.loadtests.servers import TOKEN, injected_ms, known, misbehaving, secured
from tests.root import ROOT
from tidegate import tools
from tidegate.errors import ToolError
from tidegate.facts.models.scaling import Slo
from tidegate.gates.verdict import Outcome

RATE, SECONDS, EACH_RATE = 150.0, 4.0, 10.0
LATENCY = {"latency": {"median_ms": 40, "sigma": 0.4}, "preferred": True}
FROZEN = {"latency": {"median_ms": 20, "sigma": 0.3}, "freezes": [[1.5, 1.0]], "preferred": True}
TIMEOUT_SECONDS = 3.0
LATE = f"no answer within {TIMEOUT_SECONDS:g} s"
SLO = Slo(p99_ms=250, availability=0.99)


def endpoint(name: str, port: int, *, rate: float = EACH_RATE, seconds: float = 2.0, **changes: Any) -> Endpoint:
    facts: dict[str, Any] = {
        "name": name, "protocol": "v2", "url": f"http://127.0.0.1:{port}/v2/models/m/{name}", "body": {"inputs": []}, "limits": SLO,
        "arrivals": Constant(requests_per_second=rate), "duration_seconds": seconds,
    }  # fmt: skip
    return Endpoint(**(facts | changes))


@dataclass(frozen=True, slots=True)
class Seen:
    judged: Judged
    recording: Recording
    together: dict[str, Recorded]

    def reasons(self, name: str) -> dict[str, Outcome]:
        return {reason.text: reason.outcome for reason in self.judged.verdict.reasons if reason.subject == name}

    @property
    def was_late(self) -> bool:
        """Whether the machine was too busy for any measurement, which the verdict says."""
        return self.judged.verdict.outcome is Outcome.INVALID


def taken() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


KINDS = {
    "good": None, "closing": None, "closed-silently": None, "until-closed": None, "interim": None,
    "failing": "status 500", "garbage": "answer is no JSON", "other": "answer without outputs", "cut": "answer broken off",
    "nothing": "connection reset", "noise": "answer is no HTTP", "slow": LATE, "unknown": "connection reset",
}  # fmt: skip
STREAMS = {
    "stream": None,
    "stream-cut": "stream broken off",
    "stream-error": "error in the stream",
    "stream-empty": "stream without a token",
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """One run of two processes with every kind of server."""
    folder = tmp_path_factory.mktemp("load")
    token = folder / "token"
    token.write_text(f"{TOKEN}\n")
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(misbehaving())
        true, _ = stack.enter_context(known(folder, LATENCY))
        frozen, _ = stack.enter_context(known(folder, FROZEN))
        behind_tls, certificate = stack.enter_context(secured(folder))
        tls: dict[str, Any] = {
            "url": f"https://model.test:{behind_tls}/secured",
            "address": f"127.0.0.1:{behind_tls}",
            "token_file": str(token),
        }
        endpoints = [
            endpoint("true", true, rate=RATE, seconds=SECONDS, keeps_requests=True),
            endpoint("frozen", frozen, rate=RATE, seconds=SECONDS),
            *(endpoint(name, port, keeps_requests=name == "failing") for name in KINDS),
            *(endpoint(name, port, protocol="openai", limits=SLO.model_copy(update={"time_to_first_token_ms": 200.0})) for name in STREAMS),
            endpoint("refused", taken()),
            endpoint("secured", port, ca_file=str(certificate), **tls),
            endpoint("untrusted", port, **tls),
        ]
        plan = Plan(endpoints=tuple(endpoints), processes=2, answer_timeout_seconds=TIMEOUT_SECONDS, preferred=True)
        judged = run(ROOT, plan, folder / "recording.json")
        assert judged.recording, judged.verdict.lines()
        assert TOKEN not in judged.recording.model_dump_json(), "a token is kept nowhere"
        yield Seen(judged, judged.recording, merged(judged.recording.processes))


def test_every_request_that_was_due_is_begun_and_counted(seen: Seen) -> None:
    for one in seen.recording.plan.endpoints:
        found = seen.together[one.name]
        assert found.due == round(one.duration_seconds * EACH_RATE) if one.name not in {"true", "frozen"} else RATE * SECONDS
        assert found.begun == found.due
        assert found.histogram("latency").count + found.failed == found.due
    assert {len(part.endpoints) for part in seen.recording.processes} == {len(seen.recording.plan.endpoints)}


def test_true_p99_is_measured_or_the_run_is_invalid(seen: Seen) -> None:
    measured, truth = seen.together["true"].histogram("latency").quantile(0.99), injected_ms(LATENCY, int(RATE * SECONDS))
    assert measured is not None
    assert measured >= 0.99 * truth, "never better than it was"
    assert measured == pytest.approx(truth, rel=0.1) or seen.was_late


def test_each_request_is_kept_where_the_plan_says_so(seen: Seen) -> None:
    sent, recorded = sent_in(seen.recording), seen.together["true"]
    assert (sent.due, len(sent.requests)) == (recorded.due, recorded.begun)
    assert [one.due for one in sent.requests] == pytest.approx([number / RATE for number in range(sent.due)], abs=0.001)
    assert all(one.due <= one.begun <= one.ended for one in sent.requests)
    late = sum(not one.failure and one.ended - one.due > 0.06 for one in sent.requests)
    assert late == pytest.approx(Histogram(recorded.histogram("latency").buckets).above(60), abs=2)
    assert 0 < time.monotonic() - sent.begin_monotonic < 600
    kept = {part.name: part.requests for process in seen.recording.processes for part in process.endpoints}
    assert {one.failure for one in kept["failing"]} == {"status 500"}
    assert [name for name, requests in kept.items() if requests] == ["true", "failing"]


def test_freeze_of_a_second_is_seen(seen: Seen) -> None:
    frozen = seen.together["frozen"].histogram("latency", seen.together["frozen"].failed)
    waited = frozen.above(500)
    assert waited >= 0.9 * RATE * 0.5, "all that came in its first half waited that long"
    assert waited <= 1.5 * RATE * 0.5 or seen.was_late
    assert Outcome.FAIL in seen.reasons("frozen").values()


@pytest.mark.parametrize(("name", "kind"), [*KINDS.items(), *STREAMS.items(), ("refused", "connection refused"), ("secured", None)])
def test_failures_are_counted_by_their_kind(seen: Seen, name: str, kind: str | None) -> None:
    found = seen.together[name]
    assert set(found.failures) - {LATE} <= ({kind} if kind else set())
    assert found.failed == found.due or kind is None
    assert LATE not in found.failures or kind == LATE or seen.was_late


def test_certificate_that_is_not_trusted_is_a_failure(seen: Seen) -> None:
    kinds = set(seen.together["untrusted"].failures) - {LATE}
    assert [kind for kind in kinds if not kind.startswith("TLS failed: ")] == []
    assert kinds or seen.was_late


def test_tokens_are_timed_one_by_one(seen: Seen) -> None:
    found = seen.together["stream"]
    first, between = found.histogram("first_token"), found.histogram("between_tokens")
    assert (first.count, between.count) == (found.due - found.failed, 4 * (found.due - found.failed))
    assert (first.quantile(0.01) or 0) >= 60
    assert (between.quantile(0.5) or 0) == pytest.approx(20, abs=15) or seen.was_late


def test_verdict_is_no_pass_and_names_every_bad_endpoint(seen: Seen) -> None:
    assert seen.judged.verdict.outcome in {Outcome.FAIL, Outcome.INVALID}
    bad = {name for name, kind in {**KINDS, **STREAMS}.items() if kind} | {"refused", "untrusted", "frozen"}
    assert {reason.subject for reason in seen.judged.verdict.reasons if reason.outcome is Outcome.FAIL} >= bad


def connections(port: int) -> int:
    """To the server on loopback that listens there."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return sum(f":{port:04X} " in line.split(":", 2)[2] and line.split()[3] == "01" for line in lines)


def awaited(what: str, look: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def may_be_preferred() -> bool:
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, before, parameters)
    return True


def test_killed_process_makes_the_run_invalid(tmp_path: Path) -> None:
    killed: list[int] = []
    policies: set[int] = set()

    def kill(port: int) -> None:
        """One of the two that send, once both do. On two busy cores they would leave this thread no time if they were preferred to it."""
        if may_be_preferred():
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not killed:
            for parent in (process.pid for process in tools.children(os.getpid())):
                workers = tools.children(parent)
                if len(workers) == 2 and "locust" in tools.command_line(parent) and connections(port) >= 2:
                    policies.update(os.sched_getscheduler(one.pid) for one in workers)
                    os.kill(workers[1].pid, signal.SIGKILL)
                    killed.append(workers[1].pid)
            time.sleep(0.05)

    with known(tmp_path, LATENCY) as (port, _):
        plan = Plan(endpoints=(endpoint("true", port, seconds=10.0),), processes=2, answer_timeout_seconds=0.5, preferred=True)
        thread = threading.Thread(target=kill, args=[port])
        thread.start()
        judged = run(ROOT, plan, tmp_path / "recording.json")
        thread.join()
    assert len(killed) == 1
    assert policies == {os.SCHED_RR | os.SCHED_RESET_ON_FORK if may_be_preferred() else os.SCHED_OTHER}
    assert judged.verdict.outcome is Outcome.INVALID
    assert "of 2: it ended before the run did; look into Locust's log" in judged.verdict.lines()[1]


def test_processes_of_a_killed_locust_end_with_it(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(Plan(endpoints=(endpoint("refused", taken(), seconds=60.0),), processes=2).model_dump_json())
    command = [str(ROOT / ".venv-loadtests/bin/locust"), "-f", str(ROOT / "loadtests/locustfile.py"), "--headless", "--processes", "2"]
    port = str(taken())
    command += ["--master-bind-port", port, "--master-port", port]
    locust = tools.start_server([*command, "--plan", str(plan)], log_path=tmp_path / "log")
    try:
        awaited("two processes", lambda: len(tools.children(locust.pid)) == 2)
        workers = tools.children(locust.pid)
    finally:
        os.kill(locust.pid, signal.SIGKILL)
    awaited("their end", lambda: not any(tools.is_running(one) for one in workers))


def test_two_runs_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    names = ("first", "second")
    with known(tmp_path, LATENCY) as (port, _), ThreadPoolExecutor(len(names)) as pool:
        plans = [Plan(endpoints=(endpoint(name, port, seconds=1.0),), processes=2, answer_timeout_seconds=1.0) for name in names]
        both = [one.result().recording for one in [pool.submit(run, ROOT, plan) for plan in plans]]
    sent = [{one.name for part in recording.processes for one in part.endpoints} for recording in both if recording]
    assert sent == [{"first"}, {"second"}]


def test_full_disk_is_invalid_and_says_so(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(Plan(endpoints=(endpoint("refused", taken(), seconds=0.5),), answer_timeout_seconds=0.5).model_dump_json())
    command = [str(ROOT / ".venv-loadtests/bin/locust"), "-f", str(ROOT / "loadtests/locustfile.py"), "--headless", "--only-summary"]
    with pytest.raises(ToolError) as refused:
        tools.run([*command, "--plan", str(plan), "--recording", "/dev/full"], cwd=ROOT)
    assert refused.value.exit_code == Outcome.INVALID.exit_code
    assert "the recording is not kept: /dev/full: No space left on device; free space or name another file" in refused.value.stderr


def test_without_locust_it_is_invalid(tmp_path: Path) -> None:
    verdict = run(tmp_path, Plan(endpoints=(endpoint("a", 1),))).verdict
    assert (verdict.outcome, verdict.reasons[0].text) == (Outcome.INVALID, "Locust is not installed; run `make setup-loadtests`")


def test_plan_that_locust_refuses_is_invalid_and_says_why(tmp_path: Path) -> None:
    absent = endpoint("a", 1, token_file=str(tmp_path / "absent"), seconds=0.5)
    verdict = run(ROOT, Plan(endpoints=(absent,), answer_timeout_seconds=0.5)).verdict
    assert verdict.outcome is Outcome.INVALID
    assert "nothing came from process 0 of 1" in verdict.reasons[0].text
    assert "process 0 could not do its share: FileNotFoundError(2, 'No such file or directory')" in verdict.notes[-1]


def test_earlier_recording_is_not_taken_for_this_run(tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text("that of yesterday")
    run(tmp_path, Plan(endpoints=(endpoint("a", 1),)), tmp_path / "recording.json")
    assert not (tmp_path / "recording.json").exists()
