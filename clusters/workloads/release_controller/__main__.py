"""The program: `python3 -m clusters.workloads.release_controller`, in a pod with its own account."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
import uuid
from pathlib import Path

from clusters.workloads.release_controller.http_api import HttpApi
from clusters.workloads.release_controller.replica import Replica
from clusters.workloads.release_controller.report import serve
from clusters.workloads.release_controller.server_time import ServerTime, monotonic
from clusters.workloads.release_controller.settings import Settings, Terms
from clusters.workloads.release_controller.sources import Sources

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API, ACCOUNT_FOLDER, NAMESPACE, POD, HOST, PORT = (
    "RELEASE_API", "RELEASE_ACCOUNT", "RELEASE_NAMESPACE", "RELEASE_POD", "RELEASE_HOST", "RELEASE_PORT",
)  # fmt: skip
"""Where the API server is and the folder of the account, both the pod's own unless set; the controller's namespace and pod; where it listens."""

EVERYWHERE = "0.0.0.0"  # noqa: S104 - behind the sidecar, which admits

NOWHERE = 64
"""The exit code outside a cluster (EX_USAGE)."""

logger = logging.getLogger("release-controller")


async def run(sources: Sources, terms: Terms) -> int:
    """Runs one replica until it is asked to end."""
    told = os.environ
    folder = Path(told.get(ACCOUNT_FOLDER, ACCOUNT))
    if not (address := told.get(API, "")):
        if "KUBERNETES_SERVICE_HOST" not in told:
            sys.stderr.write(f"There is no API server: run it in a pod, or set {API} and {ACCOUNT_FOLDER}\n")
            return NOWHERE
        address = f"https://{told['KUBERNETES_SERVICE_HOST']}:{told['KUBERNETES_SERVICE_PORT']}"
    namespace = told.get(NAMESPACE) or (folder / "namespace").read_text(encoding="utf-8").strip()
    # Another one after each start: a Lease of this pod's last process is somebody else's.
    identity = f"{told.get(POD, 'replica')}-{uuid.uuid4().hex[:8]}"
    clock = ServerTime(monotonic, time.time)
    for name in sources.lacking():
        logger.warning("there is no source of %s: what depends on it is held", name)
    async with HttpApi(address, folder, clock.heard, monotonic) as api:
        replica = Replica(api, Settings(namespace, identity, terms), sources, clock, monotonic)
        runner = await serve(replica.report, told.get(HOST, EVERYWHERE), int(told.get(PORT, "8080")))
        working = asyncio.create_task(replica.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await runner.cleanup()
    return 0


def main() -> int:
    """Logs to stderr and runs."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    return asyncio.run(run(Sources(), Terms()))


if __name__ == "__main__":
    sys.exit(main())
