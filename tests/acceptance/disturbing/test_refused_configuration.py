"""A configuration that the edge's proxy refuses is named, while Argo CD calls it synced and callers are answered as before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.command_line import shown
from tests.acceptance.running_platform import Running, wait_for
from tests.acceptance.served_repository import Repository, setting
from tidegate.live.proxies import ProxyReport, read_proxies
from tidegate.manifests.layout import RENDERED

REGION, OTHER, MODEL = "live-1", "live-2", "fraud/scorer"
FILTER = f"{RENDERED}/{REGION}/platform/edge/envoyfilter-rate-limits.yaml"
SAID = "token bucket fill timer must be >= 50ms"
"""Envoy's own words: the control plane, which admits the object, does not look so closely."""

pytestmark = pytest.mark.timeout(900)
RecordProperty = Callable[[str, object], None]


def told_by_status(region: str) -> dict[str, Any]:
    regions = json.loads(shown("status", "--json"))["regions"]
    return next(one for one in regions if one["name"] == region)["proxies"]


def explained() -> dict[str, dict[str, str]]:
    """The rows of the explanation by their path."""
    return {row["path"]: row for row in json.loads(shown("model", "explain", MODEL, "--json"))}


def refusals(rows: dict[str, dict[str, str]], region: str) -> list[str]:
    """What a region's rows tell of proxies that refuse something, or that could not be asked."""
    here = {path.removeprefix(f"{region}.live."): row for path, row in rows.items() if path.startswith(f"{region}.live.")}
    return [f"{path}: {row['value']}" for path, row in here.items() if path.startswith("Prox") or "refuses" in row["value"]]


def test_refused_configuration_is_named_while_the_one_before_serves_and_is_past_after_the_undo(
    platform: Running, repository: Repository, record_property: RecordProperty
) -> None:
    def look() -> ProxyReport:
        return read_proxies(platform.cluster(REGION))

    assert look() == ProxyReport(), "proxies refuse something before this test begins"
    repository.edit(FILTER, setting("fill_interval", "0.01s"))
    repository.commit("Let the edge refuse its listener")
    record_property("named_after_seconds", wait_for("the edge refuses its listener", look, lambda seen: bool(seen.rejected), 120, 1))

    status = told_by_status(REGION)
    assert [(one["proxy"].partition("-istio-")[0], one["kind"]) for one in status["rejected"]] == [("edge", "listeners")]
    assert SAID in status["rejected"][0]["reason"]
    assert status["changed_last"].startswith("istio-ingress/rate-limits was changed last, at ")
    assert told_by_status(OTHER) == {"rejected": [], "changed_last": "", "unknown": ""}
    printed = " ".join(shown("status", columns=300).split())
    assert f"Refused configuration in {REGION}: what was before serves on" in printed

    rows = explained()
    cause, proxy = rows[f"{REGION}.live.cause"], rows[f"{REGION}.live.Proxy {status['rejected'][0]['proxy']}"]
    assert cause["value"].startswith(f"proxy {status['rejected'][0]['proxy']} refuses its newest listeners; it serves on with those before")
    assert SAID in cause["value"]
    assert cause["why"].startswith("undo or correct the last commit below gitops/rendered")
    assert f"EnvoyFilter {status['changed_last']}" in cause["why"]
    assert proxy["value"] == "refuses listeners"
    assert not refusals(rows, OTHER)
    printed = " ".join(shown("model", "explain", MODEL, columns=600).split())
    assert f"cause: {cause['value']}; next: {cause['why']}" in printed
    assert platform.ask(REGION, MODEL).status == 200, "what was before does not serve on"

    repository.revert()
    wait_for("the edge has taken its listener", look, lambda seen: seen == ProxyReport(), 120, 1)
    assert told_by_status(REGION) == {"rejected": [], "changed_last": "", "unknown": ""}
    assert not refusals(explained(), REGION)
