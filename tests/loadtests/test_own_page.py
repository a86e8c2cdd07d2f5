"""Locust's own page works with the locustfile: a run is started there, shown there, judged when it ends, and can be started again."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtests.plan import Endpoint, Plan
from loadtests.recording import Recording
from loadtests.shapes import Constant
from tests.admission_server import start_program
from tests.loadtests.servers import known
from tests.root import ROOT
from tidegate import tools
from tidegate.facts.models.scaling import Slo

LATENCY = {"latency": {"fixed_ms": 5}}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def asked(url: str, form: bytes | None = None) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, data=form), timeout=10) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith("{") else text


def awaited(what: str, look: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            if look():
                return
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


def test_run_is_started_shown_and_judged_twice(tmp_path: Path) -> None:
    kept, log = tmp_path / "recording.json", tmp_path / "locust.log"
    with known(tmp_path, LATENCY) as (port, _):
        endpoint = Endpoint(
            name="fraud/scorer", protocol="v2", url=f"http://127.0.0.1:{port}/v2/models/m/infer", body={}, duration_seconds=1.0,
            arrivals=Constant(requests_per_second=30), limits=Slo(p99_ms=500, availability=0.9),
        )  # fmt: skip
        (tmp_path / "plan.json").write_text(Plan(endpoints=(endpoint,), answer_timeout_seconds=0.5).model_dump_json())
        command = [
            str(ROOT / ".venv-loadtests/bin/locust"),
            "-f",
            str(ROOT / "loadtests/locustfile.py"),
            "--web-host",
            "127.0.0.1",
            "--web-port",
            str(free := free_port()),
        ]
        page = start_program([*command, "--plan", str(tmp_path / "plan.json"), "--recording", str(kept)], log)
        try:
            awaited("the page", lambda: "<html" in asked(f"http://127.0.0.1:{free}/").lower())
            for _ in range(2):
                asked(f"http://127.0.0.1:{free}/swarm", b"user_count=1&spawn_rate=1")
                awaited("a recording", kept.exists)
                recording = Recording.model_validate_json(kept.read_bytes())
                assert [part.endpoints[0].due for part in recording.processes] == [30]
                kept.unlink()
                stats = asked(f"http://127.0.0.1:{free}/stats/requests")
                assert {one["name"]: one["num_requests"] for one in stats["stats"]}["fraud/scorer"] == 30
                awaited("the end", lambda: asked(f"http://127.0.0.1:{free}/stats/requests")["state"] == "stopped")
        finally:
            tools.stop_server(page, grace_seconds=5)
    said = log.read_text()
    verdicts = re.findall(r"^load: (\w+)$", said, re.MULTILINE)
    # 30 requests decide nothing; on a busy machine they may begin late or take long besides.
    assert len(verdicts) == 2, said
    assert set(verdicts) <= {"inconclusive", "invalid", "fail"}, said
    assert len(re.findall(r"\d+ of 30 requests were above 500 ms or had no answer", said)) == 2, said
