"""A cell is as expected only if what was seen was expected and the right layer refused it; planned attacks cover every path."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from tests.root import ROOT
from tidegate.attack import paths, region_attack
from tidegate.attack.cells import MODES, Cell, Mode, Outcome, Planned, judge
from tidegate.attack.layers import Journal, journal_of, refuser
from tidegate.attack.targets import AttackTarget, Elsewhere, Places
from tidegate.facts import inventory, ports
from tidegate.facts.platform import Platform

LINE = (
    '[2026-11-21T15:00:00.000Z] "POST /v2/models/scorer/infer HTTP/1.1" {status} - {details} - "-" 10 19 0 - "-" '
    '"tidegate-attack/{call}" "id" "scorer-predictor.tenant-fraud.svc.cluster.local" "-" inbound|8012|| - 10.101.0.9:8012 '
    "10.101.0.7:40000 outbound_.80_._.x default"
)


@functools.cache
def platform() -> Platform:
    return inventory.load(ROOT)


def target(tenant: str, *, pods: Sequence[str] = ("10.101.0.9",), direct: bool = True) -> AttackTarget:
    facts = platform().tenants[tenant]
    model = next(iter(facts.models))
    return AttackTarget(
        tenant=facts, model=model, service=f"{model}-predictor", revision=f"{model}-predictor-00001", pods=tuple(pods), revision_ip="10.102.0.5",
        private_ip="10.102.0.6", direct=direct, path=f"/v2/models/{model}/infer", body="{}",
    )  # fmt: skip


def pair(source: str, tenant: str, mode: Mode, *, pods: Sequence[str] = ("10.101.0.9",), direct: bool = True) -> paths.Pair:
    targets = tuple(target(name) for name in sorted(platform().tenants))
    places = Places(
        "live-1", "172.31.250.11", "10.102.0.1", "10.102.0.2", "10.102.0.3", "10.101.0.2", "10.102.0.4", "10.102.0.7", "image", targets,
        (Elsewhere("live-2", "172.31.250.12"),),
    )  # fmt: skip
    attacker = paths.Attacker(target(source), mode, "token")
    return paths.Pair(places, attacker, target(tenant, pods=pods, direct=direct), paths.is_caller(platform(), source, tenant))


def plans(one: paths.Pair) -> dict[str, Planned]:
    found = [*paths.to_gateways(one, platform()), *paths.to_activator(one), *paths.to_revision(one), *paths.to_pods(one)]
    by_path = {each.path: each for each in found}
    assert len(by_path) == len(found), "two calls share a name"
    return by_path


def outcome(call: str, status: int, failure: str = "") -> Outcome:
    return Outcome(id=call, status=status, failure=failure, detail="RBAC:\n access denied", port=40000, milliseconds=1)


@pytest.mark.parametrize("mode", MODES)
def test_stranger_gets_through_nowhere(mode: Mode) -> None:
    for path, planned in plans(pair("merchants", "fraud", mode)).items():
        assert "200" not in planned.expected, path
        assert planned.layers, path


@pytest.mark.parametrize("mode", MODES)
def test_every_path_of_the_issue_is_tried(mode: Mode) -> None:
    found = plans(pair("merchants", "fraud", mode))
    for path in (
        "edge", "other region's edge", "local gateway", "local gateway, probe port", "local gateway, probe port, header twice", "activator by host", "activator by headers, own first",
        "activator by headers, own last", "activator by probe", "revision's service", "service", "pod, sidecar's port 15020",
        "pod, port 15006", *(f"pod, port {port}" for port in (8012, 8013, 8080, 9000, 9090, 9091, 8022)),
    ):  # fmt: skip
        assert path in found


def test_own_tenant_gets_through_with_a_certificate_only() -> None:
    inside, outside = plans(pair("fraud", "fraud", "meshed")), plans(pair("fraud", "fraud", "outside"))
    assert inside["local gateway"].expected == {"200"}
    assert outside["local gateway"].expected == {"reset"}
    assert outside["edge"].expected == {"200"}, "a token is enough at the edge, from wherever it comes"


def test_caller_that_a_tenants_file_names_gets_to_its_serving_ports_and_no_further() -> None:
    found = plans(pair("fraud", "credit", "certificate"))
    assert found["local gateway"].expected == found["pod, port 8012"].expected == found["revision's service"].expected == {"200"}
    assert found["pod, port 9090"].expected == found["activator by host"].expected == found["edge"].expected == {"403"}
    assert plans(pair("credit", "fraud", "certificate"))["local gateway"].expected == {"403"}, "being called gives no right to call"
    assert plans(pair("fraud", "credit", "certificate", direct=False))["revision's service"].expected == {"403"}


def test_model_at_zero_is_not_attacked_at_its_pods() -> None:
    assert not [path for path in plans(pair("fraud", "assistant", "certificate", pods=())) if path.startswith(("pod", "service"))]


def test_headers_are_sent_twice_in_both_orders() -> None:
    found = plans(pair("merchants", "fraud", "certificate"))
    for path, order in {
        "activator by headers, own first": ["tenant-merchants", "tenant-fraud"],
        "activator by headers, own last": ["tenant-fraud", "tenant-merchants"],
    }.items():
        assert [value for name, value in found[path].call.headers if name == "Knative-Serving-Namespace"] == order


def test_edge_writes_json_and_is_named_by_it() -> None:
    planned = plans(pair("merchants", "fraud", "certificate"))["edge"]
    told = {
        "status": 403, "flags": None, "details": "rbac_access_denied_matched_policy[none]", "user_agent": f"tidegate-attack/{planned.call.id}",
        "local_address": "10.101.0.9:443", "remote_address": "10.101.0.7:40000",
    }  # fmt: skip
    assert refuser(planned, outcome(planned.call.id, 403), journal_of([("edge", json.dumps(told))]), "10.101.0.7") == "edge"
    broken = json.dumps(told | {"status": 0, "user_agent": None})
    journal = journal_of([("edge", f"{{not json\n{broken}")])
    assert journal.by_connection["10.101.0.7:40000"][0].reached == "10.101.0.9"
    assert not journal.by_call


def test_refusal_by_the_wrong_layer_is_not_as_expected() -> None:
    planned = plans(pair("merchants", "fraud", "certificate"))["local gateway"]
    refused = outcome(planned.call.id, 403)
    assert judge(planned, refused, "local gateway").as_expected
    assert judge(planned, refused, "unknown").as_expected, "nobody logged it"
    wrong = judge(planned, refused, "target's sidecar")
    assert (wrong.as_expected, wrong.layer, wrong.detail) == (False, "target's sidecar", "RBAC: access denied")


def test_leak_and_wrong_failure_are_not_as_expected() -> None:
    planned = plans(pair("merchants", "fraud", "certificate"))["pod, port 8012"]
    assert not judge(planned, outcome(planned.call.id, 200), "unknown").as_expected
    assert not judge(planned, outcome(planned.call.id, 0, "timeout"), "unknown").as_expected


def test_layer_is_the_proxy_that_gave_the_answer_itself() -> None:
    planned = plans(pair("merchants", "fraud", "certificate"))["local gateway"]
    said = [
        ("attacker's sidecar", LINE.format(status=403, details="via_upstream", call=planned.call.id)),
        ("local gateway", LINE.format(status=403, details="rbac_access_denied_matched_policy[none]", call=planned.call.id)),
        ("activator", LINE.format(status=403, details="rbac_access_denied_matched_policy[none]", call="another")),
    ]
    assert refuser(planned, outcome(planned.call.id, 403), journal_of(said), "10.101.0.7") == "local gateway"


def test_broken_connection_is_found_by_the_callers_port() -> None:
    planned = plans(pair("merchants", "fraud", "outside"))["pod, port 8012"]
    line = '[2026-11-21T15:00:00.000Z] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-" "-" - - 10.101.0.9:8012 10.101.0.7:40000 - -'
    journal = journal_of([("target's sidecar", line)])
    assert refuser(planned, outcome(planned.call.id, 0, "reset"), journal, "10.101.0.7") == "target's sidecar"
    assert refuser(planned, outcome(planned.call.id, 0, "reset"), journal, "10.101.0.8") == "unknown"
    assert refuser(planned, outcome(planned.call.id, 0, "refused"), journal, "10.101.0.8") == "network"


def test_connection_of_before_that_had_the_same_port_refused_nothing() -> None:
    planned = plans(pair("merchants", "fraud", "meshed"))["pod, port 8012"]
    earlier = '[2026-11-21T15:00:00.000Z] "- - -" 0 NR filter_chain_not_found - - 0 "-" "-" "-" - 10.101.0.7:40000 - -'
    own = LINE.format(status=503, details="upstream_reset_before_response_started{connection_termination}", call=planned.call.id)
    journal = journal_of([("activator", earlier), ("attacker's sidecar", own)])
    assert refuser(planned, outcome(planned.call.id, 503), journal, "10.101.0.7") == "attacker's sidecar"


def test_of_two_connections_with_one_port_the_asked_proxys_counts() -> None:
    planned = plans(pair("credit", "merchants", "outside"))["pod, port 8012"]
    line = '[2026-11-21T15:00:00.000Z] "- - -" 0 NR filter_chain_not_found - - 0 "-" "-" "-" - 10.101.0.7:40000 - -'
    journal = journal_of([("target's sidecar", line), ("activator", line)])
    assert refuser(planned, outcome(planned.call.id, 0, "reset"), journal, "10.101.0.7") == "target's sidecar"


def test_connection_to_another_pod_that_had_the_same_port_refused_nothing() -> None:
    planned = plans(pair("scoring", "fraud", "certificate"))["pod, port 15006"]
    line = '[2026-11-21T15:00:00.000Z] "- - -" 0 NR filter_chain_not_found - - 0 "-" "-" "-" {reached}:8012 10.101.0.7:40000 - -'
    elsewhere, there = (journal_of([("activator", line.format(reached=reached))]) for reached in ("10.101.0.44", "10.101.0.9"))
    assert refuser(planned, outcome(planned.call.id, 0, "reset"), elsewhere, "10.101.0.7") == "unknown"
    assert refuser(planned, outcome(planned.call.id, 0, "reset"), there, "10.101.0.7") == "activator"


def test_answer_with_a_status_was_not_given_by_who_broke_a_connection() -> None:
    planned = {one.path: one for one in paths.to_platform(pair("scoring", "scoring", "outside"))}["other region's kubelet"]
    earlier = '[2026-11-21T15:00:00.000Z] "- - -" 0 NR filter_chain_not_found - - 0 "-" "-" "-" - 10.101.0.7:40000 - -'
    assert refuser(planned, outcome(planned.call.id, 401), journal_of([("target's sidecar", earlier)]), "10.101.0.7") == "API server"


def test_port_taken_again_by_a_call_to_a_pod_is_not_the_activators() -> None:
    planned = plans(pair("fraud", "scoring", "meshed"))["pod, port 8022"]
    earlier = '[2026-11-22T03:49:00.000Z] "- - -" 0 NR filter_chain_not_found - - 0 "-" "-" "-" - 10.101.0.7:40000 - -'
    assert refuser(planned, outcome(planned.call.id, 0), journal_of([("activator", earlier)]), "10.101.0.7") == "unknown"


def test_platforms_own_ports_are_attacked_too() -> None:
    found = {one.path: one for one in paths.to_platform(pair("fraud", "fraud", "outside"))}
    assert {one.target for one in found.values()} == {"platform"}
    assert found["API server"].expected == found["other region's kubelet"].expected == {"401"}
    assert "200" not in found["cloud's metadata"].expected
    assert refuser(found["API server"], outcome(found["API server"].call.id, 401), journal_of([]), "") == "API server"
    assert judge(replace(found["API server"], layers=frozenset({"x"})), outcome("x", 401), "API server").as_expected is False


def attack() -> region_attack.RegionAttack:
    return region_attack.RegionAttack(
        platform=Mock(), attacked=Mock(), cluster=Mock(), others=(), sources=frozenset(), targets=frozenset(), on_progress=Mock()
    )


def sent(monkeypatch: pytest.MonkeyPatch, calls: Sequence[Planned], *rounds: Mapping[str, tuple[int, str]]) -> list[Cell]:
    """What comes of calls that are answered so in each round, by path: status and who refuses; all others 403 by the right one."""
    answers = list(rounds)

    def send_once(_self: object, _places: object, _attackers: object, planned: Sequence[Planned]) -> list[tuple[Planned, Cell]]:
        given = answers.pop(0)
        return [
            (one, judge(one, outcome(one.call.id, status), layer))
            for one in planned
            for status, layer in [given.get(one.path.removesuffix(", asked again"), (403, min(one.layers)))]
        ]

    monkeypatch.setattr(region_attack.RegionAttack, "_send_once", send_once)
    cells = attack()._send(Mock(), [], calls)  # pyright: ignore[reportPrivateUsage] - what a whole attack goes through
    assert not answers, "fewer rounds than told"
    return cells


def test_wrong_cell_is_asked_again_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list(plans(pair("merchants", "fraud", "meshed")).values())
    refused = [one for one in calls if one.expected == frozenset({"403"})]
    [first, *_] = sent(monkeypatch, refused, {refused[0].path: (403, "nobody's")}, {})
    assert (first.path, first.as_expected) == (refused[0].path, True)
    assert first.detail.startswith("at first 403 by nobody's")
    [first, *_] = sent(monkeypatch, refused, {refused[0].path: (403, "nobody's")}, {refused[0].path: (503, "")})
    assert (first.seen, first.as_expected) == ("503", False)


def test_who_got_in_is_not_asked_again_and_many_wrong_ones_are_no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = [one for one in plans(pair("merchants", "fraud", "meshed")).values() if one.expected == frozenset({"403"})]
    [first, *_] = sent(monkeypatch, refused, {refused[0].path: (200, "")})
    assert (first.seen, first.as_expected) == ("200", False)
    many = [replace(refused[0], path=f"edge {number}") for number in range(6)]
    cells = sent(monkeypatch, many, {one.path: (503, "") for one in many})
    assert not any(cell.as_expected for cell in cells)


def test_refusal_that_is_not_written_yet_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plans(pair("merchants", "fraud", "meshed"))["edge"]
    written = journal_of([("edge", LINE.format(status=403, details="rbac_access_denied", call=planned.call.id))])
    readings = [journal_of([]), written]

    def read(*_: object) -> Journal:
        return readings.pop(0)

    monkeypatch.setattr(region_attack, "read_journal", read)
    monkeypatch.setattr(region_attack, "_FLUSH_SECONDS", 0)
    found = attack().refusers(Mock(), {planned: outcome(planned.call.id, 403)}, {("merchants", "meshed"): "10.101.0.7"}, datetime.now(UTC))
    assert found == {planned.call.id: "edge"}
    assert readings == []


def test_port_of_dense_pools_is_tried_on_everybody_elses_pods() -> None:
    assert f"pod, port {ports.POOL_PORT}" in plans(pair("fraud", "merchants", "certificate"))
    assert f"pod, port {ports.POOL_PORT}" not in plans(pair("merchants", "merchants", "certificate"))
