"""Certificates near their end, certificates that do not hold yet and a clock that jumped are named, each with what to do."""

from __future__ import annotations

import base64
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.live.canned_cluster import CannedCluster, platform
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.fleet.bring_up import Local, kubeconfig_path
from tidegate.embedded.fleet.region import read_addresses
from tidegate.embedded.fleet.validity import clock_jump_seconds, time_problems
from tidegate.embedded.identity import pki
from tidegate.embedded.identity.certificates import VALID_DAYS, issue, write_secret
from tidegate.embedded.machines import network
from tidegate.live.diagnosis import Diagnosis, Step

NOW = datetime.now(UTC)
END = NOW + timedelta(days=VALID_DAYS)


@pytest.fixture
def local(tmp_path: Path) -> Local:
    """A region that was up today: its authorities, one leaf, its kubeconfig, and what the internet machine signs with."""
    made = Local(Checkout(tmp_path), platform(), read_addresses(Checkout(ROOT)))
    machine = made.machine("live-1")
    authority = pki.open_authority(machine.folder / "pki", "ca")
    pki.open_authority(made.machine(network.INTERNET).folder / "pki", "internet-ca")
    write_secret(machine.folder / "upper/etc/kubernetes/pki/apiserver.crt", issue(authority, "kube-apiserver").certificate_pem)
    write_secret(kubeconfig_path(made, "live-1"), pki.kubeconfig(authority, issue(authority, "platform-engineer"), "https://a", "live-1"))
    return made


class Region(CannedCluster):
    """A region whose edge has that certificate."""

    def __init__(self, certificate: bytes) -> None:
        super().__init__([])
        self.state["certificate"] = base64.b64encode(certificate).decode()

    def run(self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60) -> str:
        del stdin, timeout_seconds
        assert arguments[:3] == ("get", "secret", "edge-tls"), arguments
        return str(self.state["certificate"])


def test_certificates_of_today_hold(local: Local) -> None:
    edge = pki.open_authority(local.machine(network.INTERNET).folder / "pki", "internet-ca").certificate_pem
    assert time_problems(local, "live-1", Region(edge), NOW + timedelta(days=1)) == []
    assert time_problems(local, "live-1", Region(b""), NOW + timedelta(days=VALID_DAYS - 31)) == []


def test_certificates_near_their_end_are_named_with_the_day_and_what_makes_them_again(local: Local) -> None:
    edge = pki.open_authority(local.machine(network.INTERNET).folder / "pki", "internet-ca").certificate_pem
    at = END - timedelta(days=10, hours=-1)
    said = time_problems(local, "live-1", Region(edge), at)
    again, restart = "run `make down` and `make up`", "`tidegate local stop` and `tidegate local start` make it again"
    assert said == [
        f"internet: pki/internet-ca.crt ends on {END:%Y-%m-%d}, in 9 days; {again}",
        f"live-1: pki/ca.crt ends on {END:%Y-%m-%d}, in 9 days; {again}",
        f"live-1: upper/etc/kubernetes/pki/apiserver.crt ends on {END:%Y-%m-%d}, in 9 days; {restart}",
        f"live-1: its kubeconfig ends on {END:%Y-%m-%d}, in 9 days; `tidegate local start` writes it again",
        f"live-1: the edge's certificate ends on {END:%Y-%m-%d}, in 9 days; {again}",
    ]


def test_certificate_that_ended_is_named_also_when_nobody_answers(local: Local) -> None:
    said = time_problems(local, "live-1", now=END + timedelta(days=1))
    assert f"live-1: pki/ca.crt ended on {END:%Y-%m-%d}; run `make down` and `make up`" in said


def test_certificate_that_does_not_hold_yet_names_the_clock(local: Local) -> None:
    said = time_problems(local, "live-1", now=NOW - timedelta(days=2))
    assert "live-1: pki/ca.crt holds from " in said[1]
    assert said[1].endswith(f"and the clock says {NOW - timedelta(days=2):%Y-%m-%d %H:%M}: it went back; set it right")


def test_damaged_files_are_named_and_hide_nothing(local: Local) -> None:
    folder = local.machine("live-1").folder / "pki"
    (folder / "bad.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    kubeconfig_path(local, "live-1").write_text(json.dumps({"users": []}))
    assert time_problems(local, "live-1", now=NOW + timedelta(days=1)) == [
        "live-1: pki/bad.crt is no certificate; run `make down` and `make up`"
    ]


def start(local: Local, monkeypatch: pytest.MonkeyPatch, *, hours_ago: float) -> Path:
    """A record of a machine that this very process stands for, started so long ago by the kernel's count and by the clock."""
    machine = local.machine("live-1")
    ticks = int((time.clock_gettime(time.CLOCK_BOOTTIME) - hours_ago * 3600) * os.sysconf("SC_CLK_TCK"))
    monkeypatch.setattr(tools, "is_running", lambda _process: True)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    record = machine.folder / "process.json"
    record.write_text(json.dumps({"pid": os.getpid(), "start_ticks": ticks}))
    began = time.time() - hours_ago * 3600
    os.utime(record, (began, began))
    return record


def test_clock_that_went_on_as_it_should_is_no_jump(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    start(local, monkeypatch, hours_ago=20)
    assert clock_jump_seconds(local.machine("live-1")) == 0.0
    assert time_problems(local, "live-1") == []


@pytest.mark.parametrize(("hours", "words"), [(2, "went forward by 2:00:00"), (-3, "went back by 3:00:00")], ids=["forward", "back"])
def test_clock_that_jumped_is_named_with_way_and_distance(
    local: Local, monkeypatch: pytest.MonkeyPatch, hours: float, words: str
) -> None:  # fmt: skip
    record = start(local, monkeypatch, hours_ago=20)
    began = record.stat().st_mtime - hours * 3600
    os.utime(record, (began, began))
    (said,) = [one for one in time_problems(local, "live-1") if "clock" in one]
    assert said.startswith(f"live-1: this computer's clock {words} since the machine started; ")
    assert said.endswith("set it right, or run `tidegate local stop` and `tidegate local start`")


def test_machine_that_does_not_run_has_no_jump(local: Local) -> None:
    assert clock_jump_seconds(local.machine("live-1")) == 0.0


def test_explanation_names_time_as_the_cause_only_when_nothing_else_is() -> None:
    fine, ill = Diagnosis(True, (), "", ""), Diagnosis(False, (), "no node", "make room")
    assert fine.beside([]) is fine
    assert fine.beside(["the clock jumped"]).summary == "cause: the clock jumped; next: as it says"
    assert ill.beside(["the clock jumped"]).summary == "cause: no node; next: make room"
    assert ill.beside(["the clock jumped"]).steps == (Step("Time", "to be looked at", "the clock jumped"),)
