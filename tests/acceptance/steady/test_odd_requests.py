"""Whatever is sent to the edge, it is refused or answered, by the right model, and nothing breaks."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.edge_client import Answer, connect
from tests.acceptance.odd_requests import Odd, Place, make
from tests.acceptance.running_platform import INVENTORY, Running, model_of
from tests.root import WHOLE
from tidegate.embedded import prediction
from tidegate.facts import names

REGION, MODELS = "live-1", ("fraud/scorer", "credit/decision", "merchants/anomaly")
COUNT = 20_000 if WHOLE else 1_000
"""`make test` sends the first of the seeds that `make soak` sends."""

CALLERS, SILENT_SECONDS = 4, 20.0
INTERNALS = re.compile(r"Traceback|/usr/lib/python|site-packages|File \"|svc\.cluster\.local")
"""What nobody outside should read."""

pytestmark = [pytest.mark.timeout(1800), pytest.mark.touches(regions=[REGION], asks=["fraud", "credit", "merchants"])]


def places(platform: Running) -> list[Place]:
    found = list[Place]()
    for reference in MODELS:
        tenant, _ = model_of(reference)
        sample = platform.sample(reference)
        found.append(
            Place(
                tenant.name, tenant.host_in(INVENTORY.clusters[REGION].domain), f"/{reference.split('/')[1]}{sample.path}",
                json.dumps(sample.request).encode(), prediction.token_for(platform.local, tenant, REGION),
            )
        )  # fmt: skip
    return found


def send(platform: Running, odd: Odd) -> Answer | None:
    """The first answer; None when the connection was closed or broken without one. Raises `http.client.HTTPException` for one that is not HTTP."""
    try:
        with connect(platform, REGION, odd.place.host, timeout_seconds=SILENT_SECONDS) as connection:
            with contextlib.suppress(OSError):  # it may have answered before it had read all
                connection.sendall(odd.content)
            answer = http.client.HTTPResponse(connection, method="HEAD" if odd.is_head else None)
            answer.begin()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, told, answer.read().decode(errors="replace"))
    except (OSError, http.client.RemoteDisconnected):
        return None


def problem(odd: Odd, answer: Answer) -> str:
    """What is wrong with an answer, empty when nothing is."""
    model = answer.headers.get("tidegate-model", "")
    found = INTERNALS.search(f"{answer.headers} {answer.body}")
    wrong = {
        f"shows {found[0] if found else ''}": found is not None,
        "is of the platform's own": answer.status >= http.client.INTERNAL_SERVER_ERROR and not model,
        "comes without the caller's token": bool(model) and not odd.has_token,
        f"is of {model}": bool(model) and not model.startswith(f"{odd.place.tenant}/"),
        "has no request id": bool(model) and "x-request-id" not in answer.headers,
    }
    return ", ".join(f"{answer.status} {what}" for what, is_so in wrong.items() if is_so)


def restarts(platform: Running) -> dict[str, Any]:
    """How often each container of the gateways and of the models asked was started again, by pod."""
    namespaces = [names.NAMESPACE_EDGE, *(INVENTORY.tenants[reference.split("/")[0]].namespace_name for reference in MODELS)]
    pods = [pod for namespace in namespaces for pod in platform.read(REGION, "pods", f"--namespace={namespace}")["items"]]
    return {one["metadata"]["name"]: [each["restartCount"] for each in one["status"].get("containerStatuses", ())] for one in pods}


def test_no_request_breaks_anything(platform: Running, record_property: Callable[[str, object], None]) -> None:
    everywhere, before = places(platform), restarts(platform)
    outcomes, problems = Counter[str](), dict[int, str]()

    def tried(seed: int) -> None:
        odd = make(seed, everywhere)
        try:
            answer = send(platform, odd)
        except (http.client.HTTPException, ValueError) as error:
            problems[seed] = f"no answer of HTTP, {error!r}: {odd.content[:200]!r}"
            return
        outcomes[str(answer.status) if answer else "closed"] += 1
        if answer and (wrong := problem(odd, answer)):
            problems[seed] = f"{wrong}: {odd.content[:200]!r}"

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(tried, range(COUNT)))
    record_property("outcomes", dict(sorted(outcomes.items())))
    assert not problems, f"{len(problems)} of {COUNT} requests (by seed): {dict(sorted(problems.items())[:10])}"
    # Half of them were changed after they were good.
    assert outcomes["200"] > COUNT / 40, f"too few good ones among them to say anything: {outcomes}"
    after = restarts(platform)
    assert {pod: counts for pod, counts in after.items() if pod in before} == {
        pod: counts for pod, counts in before.items() if pod in after
    }
    for reference in MODELS:
        assert platform.ask(REGION, reference).status == 200
