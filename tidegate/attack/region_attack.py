"""The attack in one region: refused calls first, so that it shows whether they wake anybody, then what is allowed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tidegate.attack import paths, pods, rights
from tidegate.attack.attacked_region import AttackedRegion
from tidegate.attack.cells import MODES, OPEN, UNKNOWN, Cell, Mode, Outcome, Planned, judge
from tidegate.attack.layers import read_journal, refuser
from tidegate.attack.targets import AttackTarget, Places, find_target, living_addresses, pods_of, read_places
from tidegate.facts.platform import Platform
from tidegate.live.kubernetes import Kubernetes

_AT_ONCE = 3
"""Attackers that send at the same time; two cores serve everything."""

_READINGS, _FLUSH_SECONDS = 4, 3.0
"""Proxies write their logs a second or more after the answer: a refusal that none tells yet is looked for again."""

_DOUBTED = 5
"""So many wrong cells of a round may be chance: a stall on the way, or a log line of another call. More of them are findings."""

_COLD_SECONDS = 120.0
"""A model at zero needs its server started first."""


@dataclass
class RegionAttack:
    """One region under attack. `sources` and `targets` name the tenants that attack and are attacked, `others` are the other regions."""

    platform: Platform
    attacked: AttackedRegion
    cluster: Kubernetes
    others: tuple[AttackedRegion, ...]
    sources: frozenset[str]
    targets: frozenset[str]
    on_progress: Callable[[str, str], None]
    skipped: list[str] = field(default_factory=list[str])

    @property
    def region(self) -> str:
        """Its name."""
        return self.attacked.name

    def run(self) -> tuple[list[Cell], list[str]]:
        """Every cell, and what was skipped and why."""
        places = self._look()
        sleepers = [one for one in places.targets if not pods_of(self.cluster, one.tenant, one.service)]
        attackers = self._start(places)
        planned = list(self._plan(places, attackers, sleepers))
        self.on_progress(self.region, f"{len(planned)} calls")
        cells = self._send(places, attackers, planned)
        for target in places.targets:
            if target.tenant.name not in self.targets:
                continue
            if target in sleepers:
                cells += self._wake(attackers, target)
            elif target.may_sleep:
                told = f"{target.tenant.name}/{target.model} was awake, so nothing shows what happens from zero"
                self.skipped.append(f"{self.region}: {told}")
        self.on_progress(self.region, "asks what tenants' accounts may write")
        sources, targets = ([one.tenant for one in places.targets if one.tenant.name in chosen] for chosen in (self.sources, self.targets))
        cells += rights.forged_routes(self.cluster, self.region, sources, targets)
        return cells, self.skipped

    def _look(self) -> Places:
        return read_places(self.platform, self.attacked, self.cluster, self.others)

    def _start(self, places: Places) -> list[paths.Attacker]:
        tenants = [one.tenant for one in places.targets if one.tenant.name in self.sources]
        self.on_progress(self.region, f"{2 * len(tenants)} attackers' pods start")
        refused = pods.start(self.cluster, tenants, places.image)
        for (tenant, mode), why in sorted(refused.items()):
            self.skipped.append(f"{self.region}: {tenant}, {mode}: the API server refuses the attacker's pod: {why}")
        tokens = {tenant.name: self.attacked.token_for(tenant) for tenant in tenants}
        return [
            paths.Attacker(find_target(places.targets, tenant.name), mode, tokens[tenant.name])
            for tenant in tenants
            for mode in MODES
            if (tenant.name, mode) not in refused
        ]

    def _pair(self, places: Places, attacker: paths.Attacker, target: AttackTarget) -> paths.Pair:
        return paths.Pair(places, attacker, target, paths.is_caller(self.platform, attacker.name, target.tenant.name))

    def _plan(self, places: Places, attackers: Sequence[paths.Attacker], sleepers: Sequence[AttackTarget]) -> Iterator[Planned]:
        """Every call that wakes nobody: what is allowed waits until those at zero have been seen to sleep on."""
        for attacker in attackers:
            for target in places.targets:
                pair = self._pair(places, attacker, target)
                if pair.own:
                    yield from paths.to_platform(pair)
                if target.tenant.name in self.targets:
                    calls = (*paths.to_gateways(pair, self.platform), *paths.to_activator(pair), *self._beyond(pair))
                    yield from (one for one in calls if target not in sleepers or OPEN not in one.expected)

    def _beyond(self, pair: paths.Pair) -> Iterator[Planned]:
        yield from paths.to_revision(pair)
        yield from paths.to_pods(pair)

    def _wake(self, attackers: Sequence[paths.Attacker], sleeper: AttackTarget) -> list[Cell]:
        """Who was at zero must sleep on after all refused calls; then its own tenant wakes it, and all is tried while it is awake."""
        name = sleeper.tenant.name
        woken = bool(pods_of(self.cluster, sleeper.tenant, sleeper.service))
        cells = [Cell(self.region, "*", "every", "refused calls at zero", name, ("asleep",), "awake" if woken else "asleep", "", not woken)]
        mine = [one for one in attackers if one.name == name and one.mode == "meshed"]
        if not mine:
            return cells
        places = self._look()
        calls = paths.to_gateways(self._pair(places, mine[0], sleeper), self.platform)
        cells += self._send(places, mine, [_again(one, "from zero", _COLD_SECONDS) for one in calls if one.path == "local gateway"])
        places = self._look()
        awake = find_target(places.targets, name)
        pairs = [self._pair(places, attacker, awake) for attacker in attackers]
        calls = [one for pair in pairs for one in (*paths.to_gateways(pair, self.platform), *self._beyond(pair))]
        return cells + self._send(places, attackers, [_again(one, "awake") for one in calls])

    def _send(self, places: Places, attackers: Sequence[paths.Attacker], planned: Sequence[Planned]) -> list[Cell]:
        """Every call, sent and judged. A few wrong ones are asked again, and say so; never one that let somebody in."""
        judged = self._send_once(places, attackers, planned)
        doubted = [one for one, cell in judged if not cell.as_expected and (cell.seen != OPEN or OPEN in one.expected)]
        if not 0 < len(doubted) <= _DOUBTED:
            return [cell for _, cell in judged]
        repeated = self._send_once(places, attackers, [_again(one, "asked again") for one in doubted])
        # The second call bears its own name; the cell keeps that of the first.
        second = {one.call.id.removesuffix("/asked-again"): cell for one, cell in repeated}
        return [_second_word(cell, second.get(one.call.id)) for one, cell in judged]

    def _send_once(self, places: Places, attackers: Sequence[paths.Attacker], planned: Sequence[Planned]) -> list[tuple[Planned, Cell]]:
        """Sends every call from its own attacker, reads what the proxies wrote, and judges."""
        shares: dict[tuple[str, Mode], list[Planned]] = {}
        for one in planned:
            shares.setdefault((one.source, one.mode), []).append(one)
        tenants = {attacker.name: attacker.target.tenant for attacker in attackers}

        def send(key: tuple[str, Mode]) -> dict[str, Outcome]:
            return pods.send(self.cluster, tenants[key[0]], key[1], [one.call for one in shares[key]])

        started = datetime.now(UTC)
        outcomes: dict[str, Outcome] = {}
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for answered in threads.map(send, sorted(shares)):
                outcomes |= answered
        living = living_addresses(self.cluster)
        by_name = {pod: address for address, pod in living.items()}
        addresses = {key: by_name.get((tenants[key[0]].namespace_name, pods.name_of(key[1])), "") for key in shares}
        refusers = self.refusers(
            places, {one: outcomes[one.call.id] for one in planned if outcomes[one.call.id].seen != OPEN}, addresses, started
        )
        judged: list[tuple[Planned, Cell]] = []
        for one in planned:
            if one.pod and one.pod not in living:
                self.skipped.append(f"{self.region}: {one.source} to {one.target}: {one.path}: the pod ended meanwhile")
                continue
            judged.append((one, judge(one, outcomes[one.call.id], refusers.get(one.call.id, UNKNOWN))))
        return judged

    def refusers(
        self, places: Places, refused: Mapping[Planned, Outcome], addresses: Mapping[tuple[str, Mode], str], started: datetime,
    ) -> dict[str, str]:  # fmt: skip
        """The layer that refused each call, by the call's id. `addresses` are those of the attackers' pods, `started` is when the first was sent."""
        found: dict[str, str] = {}
        for reading in range(_READINGS):
            if reading:
                time.sleep(_FLUSH_SECONDS)
            journal = read_journal(self.cluster, places, [one.cluster for one in self.others if one.cluster], started)
            found = {one.call.id: refuser(one, outcome, journal, addresses[one.source, one.mode]) for one, outcome in refused.items()}
            if not any(found[one.call.id] == UNKNOWN for one, outcome in refused.items() if outcome.status == 403):
                break
        return found


def _second_word(first: Cell, second: Cell | None) -> Cell:
    """What the second call showed, under the first one's name and with what was seen at first; the first where there is no second."""
    if second is None:
        return first
    detail = f"at first {first.seen} by {first.layer or 'nobody'}: {first.detail} {second.detail}"
    return replace(second, path=first.path, detail=" ".join(detail.split()))


def _again(planned: Planned, when: str, seconds: float | None = None) -> Planned:
    """The same call under a name of its own, so that logs do not mix the two up."""
    identity = f"{planned.call.id}/{when.replace(' ', '-')}"
    headers = tuple((key, f"tidegate-attack/{identity}" if key == "User-Agent" else value) for key, value in planned.call.headers)
    changes = {"id": identity, "headers": headers, "timeout_seconds": seconds or planned.call.timeout_seconds}
    return replace(planned, path=f"{planned.path}, {when}", call=planned.call.model_copy(update=changes))
