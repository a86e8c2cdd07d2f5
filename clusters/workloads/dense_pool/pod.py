"""A whole pod of a dense pool: `python3 -m clusters.workloads.dense_pool.pod FOLDER`, where FOLDER holds the verified catalogue and its objects.

Envoy is in front and admits, the placer beside it says which pod has the model, MLServer is behind and answers to every pod's Envoy.
When one of them ends, all end, and the kubelet starts the container again. Told by variables; MLServer's own tell it where to listen.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from clusters.workloads.dense_pool import catalogue
from clusters.workloads.dense_pool.placement import Limits
from clusters.workloads.dense_pool.router import RouterAddresses, bootstrap

ACCESS, PEERS, MODELS = "POOL_ACCESS", "POOL_PEERS", "POOL_MODELS"
"""Models by caller, as JSON; hosts that stand for the addresses of all pods, this one's too, separated by commas; how many models the
tenant's file promises (`dense_pool.models`)."""

HOT, MOST_COPIES = "POOL_REQUESTS_PER_SECOND_PER_COPY", "POOL_MOST_COPIES"
HOST, PORT, PLACER_PORT, STATISTICS_PORT = "POOL_HOST", "POOL_PORT", "POOL_PLACER_PORT", "POOL_STATISTICS_PORT"
"""Where Envoy takes requests, and the two ports that only this pod may know."""

HERE = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - behind the sidecar, which admits
REFUSED = 65
"""The exit code for an artefact that is not what was promised (EX_DATAERR), as the model verifier's."""

LAST_SECONDS = 20.0
"""What a program may take to end before it is killed; less than the 30 s that the kubelet gives a pod."""


def commands(folder: Path, scratch: Path) -> list[list[str]]:
    """How each program is started; writes Envoy's configuration into `scratch`.

    Raises `CatalogueError` for a catalogue that cannot be believed, or lists another number of models than the tenant's file.
    """
    told, usual = os.environ, Limits()
    listed, promised = catalogue.read(folder), int(told[MODELS])
    if len(listed.models) != promised:
        raise catalogue.CatalogueError(
            f"{catalogue.FILE} lists {len(listed.models)} models, and dense_pool.models of the tenant's file says {promised}; correct one of them"
        )
    placer, statistics = int(told.get(PLACER_PORT, "8083")), int(told.get(STATISTICS_PORT, "8084"))
    port = int(told["MLSERVER_HTTP_PORT"])
    pods = [(host, port) for host in told[PEERS].split(",")]
    listen = (told.get(HOST, EVERYWHERE), int(told.get(PORT, "8080")))
    own = (HERE if told["MLSERVER_HOST"] == EVERYWHERE else told["MLSERVER_HOST"], port)
    addresses = RouterAddresses(listen, (HERE, placer), pods, own, (HERE, statistics))
    config = scratch / "envoy.json"
    config.write_text(json.dumps(bootstrap(addresses, json.loads(told[ACCESS]), listed.sha256)), encoding="utf-8")
    return [
        ["envoy", "--config-path", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"],
        [
            sys.executable, "-m", "clusters.workloads.dense_pool.placer", str(folder), f"--listen={HERE}:{placer}", "--one-placer-per-pod",
            f"--pods={','.join(f'{host}:{port}' for host, port in pods)}",
            f"--requests-per-second-per-copy={told.get(HOT, usual.requests_per_second_per_copy)}",
            f"--most-copies={told.get(MOST_COPIES, usual.most_copies)}",
        ],
        [sys.executable, "-m", "clusters.workloads.dense_pool.model_server", str(folder)],
    ]  # fmt: skip


async def run(every: list[list[str]]) -> int:
    """Runs the programs until one ends or we are asked to end; the code of the one that ended first, 0 when asked."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    running = [await asyncio.create_subprocess_exec(*command) for command in every]
    ending = [asyncio.create_task(one.wait()) for one in running]
    stop = asyncio.create_task(asked.wait())
    done, _ = await asyncio.wait([*ending, stop], return_when=asyncio.FIRST_COMPLETED)
    for process in running:
        if process.returncode is None:
            process.terminate()
    _, late = await asyncio.wait(ending, timeout=LAST_SECONDS)
    for process in running if late else ():
        if process.returncode is None:
            process.kill()
    await asyncio.wait(ending)
    if stop in done:
        return 0
    stop.cancel()
    code = next(task.result() for task in ending if task in done)
    return code if code > 0 else 1  # a signal, or an end that nobody asked for


def main() -> int:
    """Reads the arguments and runs."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            every = commands(Path(sys.argv[1]), Path(scratch))
        except catalogue.CatalogueError as refused:
            sys.stderr.write(f"Pool refused: {refused}\n")
            return REFUSED
        return asyncio.run(run(every))


if __name__ == "__main__":
    sys.exit(main())
