"""A machine that cannot run regions must hear everything it lacks, and what it can have instead."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import lifecycle, machine_needs, regions
from tidegate.embedded.fleet import bring_up
from tidegate.errors import UsageError
from tidegate.facts import inventory


def _find_all_but_nsenter(program: str) -> Path | None:
    return None if program == "nsenter" else Path("/bin") / program


def test_another_system_than_linux_is_refused_with_what_works_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(UsageError) as refused:
        lifecycle.refuse_unfit_machine()
    assert str(refused.value).splitlines() == [
        "this machine: system = Darwin: regions are made of Linux namespaces; run it on Linux [regions-need]",
        "without these, `tidegate up --without-regions` still provisions the cloud and renders the tenants",
    ]


def test_everything_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(tools, "find", _find_all_but_nsenter)
    lines = [str(finding) for finding in machine_needs.lacking()]
    assert "this machine: user = 1000: namespaces, mounts and control groups need root; run it as root [regions-need]" in lines
    assert "this machine: nsenter: not installed; install the package util-linux [regions-need]" in lines


def test_a_fit_machine_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_needs, "lacking", lambda **_: [])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    lifecycle.refuse_unfit_machine()


def test_status_of_a_checkout_whose_regions_are_down_builds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("clusters/inventory", "clusters/embedded/network", "gitops/tenants"):
        for path in (ROOT / folder).rglob("*.yaml"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("built something for a look")

    monkeypatch.setattr(regions, "build", refuse)
    assert regions.read_running_regions(Checkout(tmp_path)) == []


def test_two_checkouts_have_machines_of_different_names(tmp_path: Path) -> None:
    names = {bring_up.instance(Checkout(tmp_path / name)) for name in ("one", "two")}
    assert len(names) == 2


def test_what_is_never_up_leaves_nothing(tmp_path: Path) -> None:
    local = bring_up.open_local(Checkout(ROOT), inventory.load(ROOT))
    elsewhere = bring_up.Local(Checkout(tmp_path), local.platform, local.addresses)
    assert bring_up.left_over(elsewhere) == []
