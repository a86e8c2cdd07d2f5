"""The emulated AWS: one moto server on loopback, started once and found again by its record.

Everything in it is in memory, Terraform's state included, so when it goes all goes together. It stands for the cloud's
API, not for its behaviour: it replicates nothing, encrypts nothing and enforces no policy.
"""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import FOREIGN, NO_FILES
from tidegate.errors import EmulatorError
from tidegate.facts.ports import EMULATOR_PORTS

"""Loopback ports tried in order; a second checkout on the machine takes the next one."""

START_SECONDS = 60

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Loopback never goes through a proxy."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator."""

    port: int
    process: tools.ServerProcess

    @property
    def endpoint(self) -> str:
        """Its address for every AWS service."""
        return f"http://127.0.0.1:{self.port}"


def _record_path(checkout: Checkout) -> Path:
    return checkout.embedded / "emulator.json"


def find_running(checkout: Checkout) -> Emulator | None:
    """The emulator this checkout started, if it still runs."""
    path = _record_path(checkout)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        emulator = Emulator(int(record["port"]), tools.ServerProcess(**record["process"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return emulator if tools.is_running(emulator.process) else None


def ensure_running(checkout: Checkout) -> tuple[Emulator, bool]:
    """The emulator of this checkout and whether it had to be started."""
    running = find_running(checkout)
    if running:
        return running, False
    for port in _free_ports():
        if found := _start(checkout, port):
            return found, True
    raise EmulatorError(
        f"no free loopback port between {EMULATOR_PORTS.start} and {EMULATOR_PORTS.stop - 1}; stop what listens there, or see out/embedded/emulator.log"
    )


def _start(checkout: Checkout, port: int) -> Emulator | None:
    """Starts an emulator on `port`; None when somebody else took the port meanwhile."""
    process = tools.start_server(
        [str(checkout.root / ".venv" / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        log_path=checkout.embedded / "emulator.log",
        cwd=checkout.embedded,
        without=FOREIGN,
        env={
            "MOTO_ACCOUNT_ID": "123456789012",
            **NO_FILES,
            # Node roles attach AWS's own policies, which moto leaves out by default.
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            # The clusters call it by a host name of ours, whose first part moto would take for a bucket.
            "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
        },
    )
    emulator = Emulator(port, process)
    record = json.dumps({"port": port, "process": asdict(process)})
    _record_path(checkout).write_text(record + "\n", encoding="utf-8")
    return emulator if _wait_until_answering(emulator) else None


def stop(checkout: Checkout) -> bool:
    """Stops this checkout's emulator; False when none ran."""
    running = find_running(checkout)
    stopped = tools.stop_server(running.process) if running else False
    _record_path(checkout).unlink(missing_ok=True)
    return stopped


def _free_ports() -> Iterator[int]:
    for port in EMULATOR_PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port


def _wait_until_answering(emulator: Emulator) -> bool:
    """True once the emulator answers, False when it ended, which it does when its port is taken."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not tools.is_running(emulator.process):
            return False
        # An answer alone may come from another checkout's emulator on the same port.
        if tools.listens(emulator.process, emulator.port):
            try:
                with DIRECTLY.open(f"{emulator.endpoint}/moto-api/", timeout=5):
                    return True
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                pass
        time.sleep(0.1)
    raise EmulatorError(f"the emulated AWS did not answer on {emulator.endpoint} within {START_SECONDS} s; see out/embedded/emulator.log")
