"""Relays keep their ports from run to run, except where somebody else has taken one meanwhile."""

from __future__ import annotations

import socket
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.embedded.fleet import host

NAMES = ("api-live-1", "edge-live-1")


def test_ports_are_kept(tmp_path: Path) -> None:
    chosen = host.ports(Checkout(tmp_path), NAMES)
    host.give_up_taken_ports(Checkout(tmp_path))
    assert host.ports(Checkout(tmp_path), NAMES) == chosen


def test_port_that_somebody_else_took_is_given_up(tmp_path: Path) -> None:
    chosen = host.ports(Checkout(tmp_path), NAMES)
    with socket.socket() as other:
        other.bind(("127.0.0.1", chosen["api-live-1"]))
        other.listen()
        host.give_up_taken_ports(Checkout(tmp_path))
        assert host.ports(Checkout(tmp_path), NAMES)["api-live-1"] != chosen["api-live-1"]


def test_nothing_to_give_up_is_no_error(tmp_path: Path) -> None:
    host.give_up_taken_ports(Checkout(tmp_path))
    (tmp_path / "out" / "embedded").mkdir(parents=True)
    (tmp_path / "out" / "embedded" / "ports.json").write_text("half a fi")
    host.give_up_taken_ports(Checkout(tmp_path))
