"""Machines of the embedded region for testinfra: commands run inside, as they run on other hosts over SSH."""

from __future__ import annotations

import shlex
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from tidegate.embedded.machines.machines import Machine


class MachineBackend(BaseBackend):
    """Enters a machine. Raises `MachineError` when it does not run."""

    NAME = "machine"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.name)
        self._machine = machine

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        """What a shell inside the machine says to `command`, in which `%s` stands for one of `args` each."""
        return self.run_local(shlex.join(self._machine.inside("/bin/sh", "-c", self.get_command(command, *args))))


def enter(machine: Machine) -> Host:
    """The machine as testinfra's host."""
    return Host(MachineBackend(machine))
