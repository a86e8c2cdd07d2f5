"""What one writes with Locust alone: users that keep a rate by `constant_throughput`. Prints its p99 when it ends.

Each user's rate is `EACH_PER_SECOND` of the environment; the address is `--host`.
"""

# Locust says of its events only in part which types they have, and it is installed in .venv-loadtests only.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUntypedFunctionDecorator=false
# pyright: reportUntypedBaseClass=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import os
from typing import Any

from locust import FastHttpUser, constant_throughput, events, task


class Caller(FastHttpUser):
    """Asks so many times a second, or less often when answers take long."""

    wait_time = constant_throughput(float(os.environ["EACH_PER_SECOND"]))

    @task
    def infer(self) -> None:
        self.client.post("/v2/models/m/infer", json={"inputs": []})


@events.quitting.add_listener
def _tell(environment: Any, **_: object) -> None:
    total = environment.stats.total
    found = {"p99_ms": total.get_response_time_percentile(0.99), "requests": total.num_requests, "failed": total.num_failures}
    print(f"stock: {json.dumps(found)}", flush=True)
