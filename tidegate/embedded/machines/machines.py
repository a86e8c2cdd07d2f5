"""A machine: programs kept by supervisor in Linux namespaces of their own, on a root filesystem of their own.

Its first process is the parent of everything it runs, pods included. When that process ends, however it ends, the
kernel ends the rest and takes the machine's mounts with it; nothing has to be cleaned up by hand.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.machines import cgroups, network, supervision
from tidegate.embedded.machines.facts import SupervisedProgram
from tidegate.embedded.machines.linked_copy import linked_copy
from tidegate.errors import MachineError
from tidegate.facts import numerals
from tidegate.tools.environments import PROXIES

ENTER = Path("clusters/embedded/node/enter.sh")

RUNTIME = Path("/run/tidegate")
"""Sockets of all machines of all checkouts. Short, because a socket's path has 107 characters."""


_OUTSIDE = (*PROXIES, "GIT_", "AWS_", "KUBECONFIG")
"""Variables of the user's that lead its programs elsewhere: a machine reaches nothing of the world by a proxy, and serves its own repository."""


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What a machine is made of. Paths in `files` and targets in `binds` are as seen from inside."""

    name: str
    root: Path
    """The read-only root filesystem."""
    programs: Mapping[str, SupervisedProgram]
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Written before the start, readable by root only."""
    binds: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Folders and files of the host that appear inside."""
    folders: Sequence[str] = ()
    """Folders that outlive a restart and lie on a plain filesystem."""
    seeds: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """What one of `folders` holds at the machine's first start: a folder of unpacked images."""
    namespace: str | None = None
    """The machine whose network namespace it joins; the host's when None."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of this checkout, running or not."""

    checkout: Checkout
    instance: str
    name: str

    @property
    def folder(self) -> Path:
        """Everything the machine keeps."""
        return self.checkout.embedded / "machines" / self.name

    @property
    def sockets(self) -> Path:
        """Its sockets as the host sees them; inside it is /run/host."""
        return RUNTIME / self.instance / self.name

    @property
    def logs(self) -> Path:
        """One file per program."""
        return self.folder / "log"

    @property
    def _record(self) -> Path:
        return self.folder / "process.json"

    def process(self) -> tools.ServerProcess | None:
        """The process that holds the machine, if it runs."""
        try:
            process = tools.ServerProcess(**json.loads(self._record.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return process if tools.is_running(process) else None

    def record_written_at(self) -> float:
        """When it was started last, by this computer's clock at that time (seconds since 1970); 0 when it never was."""
        try:
            return self._record.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def first_process(self) -> tools.ServerProcess | None:
        """Process 1 of the machine, by its pid on the host."""
        holder = self.process()
        if holder is None:
            return None
        children = tools.children(holder.pid)
        return children[0] if children else None

    def start(self, spec: MachineSpec) -> None:
        """Starts it with `spec`; what it kept from an earlier run is kept. Does nothing when it runs."""
        if self.process():
            return
        self._wait_until_ended()
        for name in ("upper", "work", "merged", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "work")  # a killed overlay leaves it half used
        (self.folder / "work").mkdir()
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in self.sockets.iterdir():
            stale.unlink()
        files = {**spec.files, "/etc/machine/supervisord.conf": supervision.configuration(spec.programs).encode()}
        for path, content in files.items():
            _write(self.folder / "upper" / path.lstrip("/"), content)
        binds = {**spec.binds, "/run/host": self.sockets, "/var/log/machine": self.logs}
        for path in spec.folders:
            kept = self.folder / "kept" / path.strip("/").replace("/", "-")
            if path in spec.seeds and not kept.exists():
                linked_copy(spec.seeds[path], kept)
            kept.mkdir(parents=True, exist_ok=True)
            binds[path] = kept
        cgroups.create(self.instance, self.name)
        join = [f"--net={network.namespace_path(self.instance, spec.namespace)}"] if spec.namespace else []
        process = tools.start_server(
            [
                "nsenter", *join, "unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=SIGKILL", "sh",
                str(self.checkout.root / ENTER), str(spec.root), str(self.folder), cgroups.group(self.instance, self.name),
                *(f"{source}={target}" for target, source in sorted(binds.items())),
            ],
            log_path=self.folder / "machine.log", without=_OUTSIDE,
        )  # fmt: skip
        self._record.write_text(json.dumps(asdict(process)), encoding="utf-8")
        self._wait_until_supervised(process)

    def _wait_until_ended(self, *, patience_seconds: float = 20) -> None:
        """Waits for the last processes of an earlier run: the kernel ends them, but a pod's may take a moment longer than the machine."""
        deadline = time.monotonic() + patience_seconds
        while left := cgroups.processes(self.instance, self.name):
            if time.monotonic() > deadline:
                pids = ", ".join(map(str, left[:5]))
                raise MachineError(
                    f"machine {self.name} has ended, but {len(left)} of its processes still run after {numerals.seconds(patience_seconds)}"
                    f" (pids {pids}); look at `ps -p {left[0]} -o stat,wchan,args`, and run `tidegate up` again when they are gone"
                )
            time.sleep(0.1)

    def _wait_until_supervised(self, process: tools.ServerProcess, *, patience_seconds: float = 20) -> None:
        deadline = time.monotonic() + patience_seconds
        while not (self.sockets / "supervisor.sock").exists():
            if not tools.is_running(process) or time.monotonic() > deadline:
                log = (self.folder / "machine.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise MachineError(f"machine {self.name} did not start; {self.folder / 'machine.log'} ends with:\n{log}")
            time.sleep(0.02)

    def inside(self, *command: str) -> list[str]:
        """The command that runs `command` inside the machine. Raises `MachineError` when it does not run."""
        first = self.first_process()
        if first is None:
            raise MachineError(f"machine {self.name} does not run; bring it up with `tidegate up` or `tidegate local start`")
        return ["nsenter", f"--target={first.pid}", "--mount", "--pid", "--net", "--root", "--wd=/", "--", *command]

    def stop(self, *, grace_seconds: float = 20) -> bool:
        """Asks every program to end, then ends the machine. False when it did not run."""
        first, holder = self.first_process(), self.process()
        if first:
            tools.stop_server(first, grace_seconds=grace_seconds)
        return tools.stop_server(holder) if holder else first is not None

    def kill(self) -> bool:
        """Ends the machine at once; the kernel takes its processes and mounts away. False when it did not run."""
        first, holder = self.first_process(), self.process()
        for process in (first, holder):
            if process:
                tools.stop_server(process, grace_seconds=0)
        return bool(first or holder)

    def forget(self) -> None:
        """Deletes all it kept. It must not run."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
