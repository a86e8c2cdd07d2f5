"""What processes cost is counted, by a name that people know them by."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite.rest import ENDED, Cost, MachineCost, Process, Rest, costs, name_of, processes_in, read_memory_mib, read_process


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/usr/local/bin/kube-apiserver", "--secure-port=6443"], "kube-apiserver"),
        (["/usr/bin/python3", "-u", "/machine/pretended_pods.py", "--once"], "pretended_pods.py"),
        (["/usr/bin/python3.11", "-m", "supervisor.supervisord"], "supervisor.supervisord"),
        (["python3", "-c", "print(1)"], "python3"),
        (["sh", "/run/start.sh"], "start.sh"),
        ([""], "kworker/0:1"),
    ],
    ids=["program", "script", "module", "text", "shell", "kernel"],
)
def test_process_is_called_by_what_it_runs(arguments: list[str], name: str) -> None:
    assert name_of(arguments, "kworker/0:1") == name


@pytest.fixture
def burning() -> Iterator[int]:
    """A process that computes."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield process.pid
    process.kill()
    process.wait()


def test_processor_and_memory_of_a_control_group_are_counted(tmp_path: Path, burning: int) -> None:
    (tmp_path / "pods" / "one").mkdir(parents=True)
    (tmp_path / "cgroup.procs").write_text("", encoding="ascii")
    (tmp_path / "pods" / "one" / "cgroup.procs").write_text(f"{burning}\n999999999\n", encoding="ascii")
    before = processes_in(tmp_path)
    started = time.monotonic()
    assert [key[0] for key in before] == [burning]
    while (now := read_process(burning)) and now.ticks < 20:  # a fifth of a second of the processor
        time.sleep(0.05)
    found = costs(before, processes_in(tmp_path).values(), time.monotonic() - started)
    (cost,) = found.values()
    assert cost.millicores > 10
    assert cost.mib > 1


def test_only_what_was_used_since_then_counts() -> None:
    before = {(1, 5): Process(1, 5, "etcd", 300)}
    after = [Process(1, 5, "etcd", 400), Process(2, 9, "etcd", 50), Process(1, 6, "kubelet", 10)]
    found = costs(before, after, 1.5)
    ticks = os.sysconf("SC_CLK_TCK")
    assert found["etcd"].millicores == round(150 / ticks / 1.5 * 1000, 1)
    assert found["kubelet"].millicores == round(10 / ticks / 1.5 * 1000, 1)


def test_process_that_is_gone_costs_nothing() -> None:
    assert read_process(999_999_999) is None
    assert read_memory_mib(999_999_999) == 0


def test_report_names_the_costliest_first() -> None:
    programs = {"etcd": Cost(millicores=18, mib=90), "kube-apiserver": Cost(millicores=72, mib=1000), ENDED: Cost(millicores=5)}
    rest = Rest(
        seconds=300, computer=Cost(millicores=730, mib=7000), cloud=Cost(millicores=14),
        machines={"live-1": MachineCost(millicores=366, mib=3300, programs=programs)},
    )  # fmt: skip
    told = rest.lines(shown=2)
    assert told[0] == "computer 730 m, 7000 MiB; emulated AWS 14 m"
    assert told[1] == "live-1: 366 m, 3300 MiB"
    assert [line.split()[0] for line in told[2:]] == ["kube-apiserver", "etcd"]
