"""Below its tables the status says what no table shows: what proxies refuse, and what time does to a region."""

from __future__ import annotations

import pytest

from tests.tidegate.embedded.test_region_status import region
from tidegate.cli.screen import Screen
from tidegate.cli.serving import show_regions
from tidegate.live.proxies import ProxyReport, Rejection


def test_tables_tell_what_proxies_refuse_and_what_to_undo(capsys: pytest.CaptureFixture[str]) -> None:
    refused = ProxyReport((Rejection("edge-istio-1.istio-ingress", "listeners", "no such filter"),), "istio-ingress/x was changed last")
    show_regions(Screen(), [region(proxies=refused), region(name="live-2", proxies=ProxyReport(unknown="no pod of istiod is ready"))])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for expected in (
        "Refused configuration in live-1: what was before serves on", "edge-istio-1.istio-ingress listeners no such filter",
        "live-1: undo or correct the last commit", "EnvoyFilter istio-ingress/x was changed last",
        "live-2: whether proxies refuse their configuration is unknown: no pod of istiod is ready",
    ):  # fmt: skip
        assert expected in shown


def test_what_time_does_to_a_region_is_said_once_for_all_regions(capsys: pytest.CaptureFixture[str]) -> None:
    ends = ("internet: pki/internet-ca.crt ends on 2027-11-30, in 9 days; run `make down` and `make up`",)
    show_regions(Screen(), [region(time_problems=ends), region(name="live-2", time_problems=ends)])
    assert capsys.readouterr().out.count(ends[0]) == 1


def test_tables_are_silent_about_proxies_that_refuse_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_regions(Screen(), [region()])
    assert "efuse" not in capsys.readouterr().out
