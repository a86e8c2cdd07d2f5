"""The machine in the host's own network: relays between loopback and the sockets of the other machines.

Nothing else connects this computer with the embedded platform's namespaces.
"""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.embedded.machines.facts import SupervisedProgram
from tidegate.embedded.machines.machines import Machine, MachineSpec
from tidegate.errors import MachineError
from tidegate.facts.ports import RELAY_PORTS

HOST = "host"

"""Loopback ports tried in order; a second checkout on the machine takes the next free ones. Below the range from which
Linux gives ports to clients (32768)."""


def ports(checkout: Checkout, names: Iterable[str]) -> dict[str, int]:
    """The loopback port of each relay; the ones of the last run when they are kept."""
    path, kept = _ports_file(checkout), _kept_ports(checkout)
    chosen: dict[str, int] = {}
    for name in names:
        chosen[name] = kept[name] if name in kept else _free_port({*kept.values(), *chosen.values()})
    if not chosen.items() <= kept.items():
        # Others read it at any moment; half a file would look like none, and give every relay another port.
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".ports-", delete=False, encoding="utf-8") as fresh:
            json.dump({**kept, **chosen}, fresh, sort_keys=True)
        Path(fresh.name).replace(path)
    return chosen


def give_up_taken_ports(checkout: Checkout) -> None:
    """Forgets all ports of the last run when somebody else listens on one by now; only while our own relays do not run."""
    if not all(map(_is_free, _kept_ports(checkout).values())):
        _ports_file(checkout).unlink()


def _ports_file(checkout: Checkout) -> Path:
    return checkout.embedded / "ports.json"


def _kept_ports(checkout: Checkout) -> dict[str, int]:
    try:
        kept = json.loads(_ports_file(checkout).read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in kept.items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def spec(machine: Machine, root: Path, relays: dict[str, tuple[int, str]], emulator_port: int) -> MachineSpec:
    """The relays: each name with its loopback port and the socket `<machine>/<name>.sock` it leads to.

    All relays send small writes at once (`nodelay`): otherwise one request in ten waits 40 ms for a delayed acknowledgement.
    """
    programs = {
        f"relay-{name}": SupervisedProgram(
            command=("/usr/bin/socat", f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,nodelay", f"UNIX-CONNECT:/run/machines/{target}")
        )
        for name, (port, target) in sorted(relays.items())
    }
    programs["relay-s3"] = SupervisedProgram(
        command=(
            "/usr/bin/socat",
            "UNIX-LISTEN:/run/machines/internet/s3.sock,fork,unlink-early,mode=600",
            f"TCP:127.0.0.1:{emulator_port},nodelay",
        )
    )
    return MachineSpec(name=HOST, root=root, programs=programs, binds={"/run/machines": machine.sockets.parent})


def _free_port(taken: set[int]) -> int:
    for port in RELAY_PORTS:
        if port not in taken and _is_free(port):
            return port
    raise MachineError(f"no free loopback port between {RELAY_PORTS.start} and {RELAY_PORTS.stop - 1}; stop what listens there")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
