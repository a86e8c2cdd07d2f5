"""Which pod a request for a model goes to. Pure: the time is an argument, and two placers that see the same decide the same.

Every model has a home: the first pod in its rendezvous order (a hash of model and pod) that has room under a bound on how
unevenly memory may be spread. When a pod comes or goes, few models change their home. A model asked for often gets further
copies, on the next pods in its order; a copy takes requests only once it is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a placement."""

    imbalance: float = 1.15
    """How far above the average the bytes homed at a pod may be."""
    requests_per_second_per_copy: float = 20.0
    """A model above this gets a second copy, above twice this a third, and so on."""
    most_copies: int = 3
    one_placer_per_pod: bool = False
    """Each placer then sees its share of the requests only, and takes the others for as many."""
    half_life_seconds: float = 15.0
    """After this time without requests a model counts as half as hot."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a request goes, and what should be loaded meanwhile."""

    pods: tuple[str, ...]
    """The pod to ask, then those to ask when it fails, best first; empty when there is no pod."""
    to_load: tuple[str, ...] = ()
    """Pods that should have the model and do not."""


@dataclass(slots=True)
class _Rate:
    """Requests per second, forgotten by half each half-life."""

    half_life: float
    weight: float = 0.0
    at: float = 0.0

    def now(self, now: float) -> float:
        return self.weight * 0.5 ** (max(0.0, now - self.at) / self.half_life) * math.log(2) / self.half_life

    def add(self, now: float) -> float:
        self.weight = self.weight * 0.5 ** (max(0.0, now - self.at) / self.half_life) + 1
        self.at = max(now, self.at)
        return self.weight * math.log(2) / self.half_life


def rendezvous(model: str, pods: Iterable[str]) -> list[str]:
    """The pods in the order of `model`'s own preference, the same wherever it is computed."""
    return sorted(pods, key=lambda pod: (blake2b(f"{pod}\0{model}".encode(), digest_size=8).digest(), pod))


def homes(sizes: Mapping[str, int], pods: Collection[str], imbalance: float) -> dict[str, str]:
    """Each model's home. No pod gets more than `imbalance` times the average bytes, unless one model alone is too large for that."""
    if not pods:
        return {}
    bound = math.ceil(imbalance * sum(sizes.values()) / len(pods))
    filled = dict.fromkeys(sorted(pods), 0)
    placed: dict[str, str] = {}
    for model in sorted(sizes, key=lambda name: (-sizes[name], name)):
        order = rendezvous(model, filled)
        home = next((pod for pod in order if filled[pod] + sizes[model] <= bound), None)
        home = home or min(order, key=lambda pod: filled[pod])
        filled[home] += sizes[model]
        placed[model] = home
    return placed


@dataclass(slots=True)
class PoolPlacement:
    """What a placer knows, and the choice that follows."""

    sizes: Mapping[str, int]
    """Bytes of every model there is."""
    limits: Limits = field(default_factory=Limits)
    _resident: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    _homes: dict[str, str] = field(default_factory=dict[str, str])
    _orders: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _asked: dict[str, _Rate] = field(default_factory=dict[str, _Rate])
    _sent: dict[str, _Rate] = field(default_factory=dict[str, _Rate])

    def observe(self, resident: Mapping[str, Collection[str]]) -> None:
        """Takes over which pods there are, and which models each has in memory."""
        if resident.keys() != self._resident.keys():
            self._homes = homes(self.sizes, resident.keys(), self.limits.imbalance)
            self._orders = {}
            self._sent = {pod: rate for pod, rate in self._sent.items() if pod in resident}
        self._resident = {pod: frozenset(models) for pod, models in resident.items()}

    def choose(self, model: str, now: float) -> Choice:
        """Notes a request for `model` at `now` (seconds of any clock that does not go back) and says where it goes."""
        if model not in self.sizes:
            return Choice(())
        rate = self._asked.setdefault(model, _Rate(self.limits.half_life_seconds)).add(now)
        order = self._order(model)
        wanted = order[: self._copies(rate)]
        have = [pod for pod in order if model in self._resident[pod]]
        able = [pod for pod in wanted if pod in have] or have[:1] or wanted[:1]
        if not able:
            return Choice(())
        chosen = min(able, key=lambda pod: self._sent[pod].now(now) if pod in self._sent else 0.0)
        self._sent.setdefault(chosen, _Rate(self.limits.half_life_seconds)).add(now)
        others = [*have, *order]
        return Choice(tuple(dict.fromkeys([chosen, *others])), tuple(pod for pod in wanted if pod not in have and pod != chosen))

    def _copies(self, rate: float) -> int:
        whole = rate * len(self._resident) if self.limits.one_placer_per_pod else rate
        return max(1, min(self.limits.most_copies, math.ceil(whole / self.limits.requests_per_second_per_copy)))

    def _order(self, model: str) -> Sequence[str]:
        """Its home, then the others as it prefers them."""
        order = self._orders.get(model)
        if order is None:
            ranked = rendezvous(model, self._resident)
            order = self._orders[model] = sorted(ranked, key=lambda pod: pod != self._homes[model])
        return order
