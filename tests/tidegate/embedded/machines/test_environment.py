"""A machine is a world of its own: variables of the user's that lead programs elsewhere end at its door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.machines import cgroups, machines
from tidegate.embedded.machines.machines import Machine, MachineSpec
from tidegate.tools import environments

LEADING_ELSEWHERE = ("HTTP_PROXY", "https_proxy", "all_proxy", "GIT_DIR", "GIT_CONFIG_GLOBAL", "AWS_PROFILE", "KUBECONFIG")


def test_machine_is_started_without_what_leads_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def start(*_: object, env: Any = None, without: Any = (), **__: object) -> tools.ServerProcess:
        seen.update(environments.child_environment(env, without))
        return tools.itself()

    for name in LEADING_ELSEWHERE:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setattr(tools, "start_server", start)
    monkeypatch.setattr(cgroups, "create", lambda *_: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(machines, "RUNTIME", tmp_path / "run")
    monkeypatch.setattr(Machine, "_wait_until_supervised", lambda *_: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    Machine(Checkout(tmp_path), "abcdef", "internet").start(MachineSpec("internet", tmp_path, {}))
    assert not seen.keys() & set(LEADING_ELSEWHERE)
    assert seen["LANG"] == "C.UTF-8"
