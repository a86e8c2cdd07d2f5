"""How the embedded regions are, read from their API servers and never from memory."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tidegate.embedded.fleet.bring_up import Local, cluster_of
from tidegate.embedded.fleet.validity import time_problems
from tidegate.embedded.machines import cgroups
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.proxies import ProxyReport, read_proxies
from tidegate.live.served import observe
from tidegate.live.states import ApplicationState, ModelState, unread_models


@dataclass(frozen=True, slots=True)
class RegionState:
    """One region. `memory_gib` is what its machine and all its pods hold; `nodes` and `fake_nodes` tell which are ready.

    Of one whose API server does not answer, the models are those of its files, each unknown.
    """

    name: str
    running: bool
    api_ready: bool
    nodes: Mapping[str, bool]
    fake_nodes: Mapping[str, bool]
    memory_gib: float
    applications: tuple[ApplicationState, ...]
    models: tuple[ModelState, ...]
    proxies: ProxyReport = field(default_factory=ProxyReport)
    """Asked for a look at all regions only: a region that comes up is looked at every few seconds, and this starts a program in it."""
    time_problems: tuple[str, ...] = ()
    """Certificates that end soon or do not hold yet, and a clock that jumped; as `proxies`, for a look at all regions only."""

    @property
    def waiting_for(self) -> list[str]:
        """What is not live yet; empty when the region is."""
        if not self.api_ready:
            return ["API server"]
        pending = [name for name, ready in self.nodes.items() if not ready] or ([] if self.nodes else ["node"])
        pending += [one.name for one in self.applications if not one.is_live]
        return pending + [one.name for one in self.models if one.executed and not one.ready]

    @property
    def unreachable(self) -> str:
        """Why nothing is known of it; empty when its API server answers."""
        if self.api_ready:
            return ""
        return f"the API server of {self.name} does not answer" if self.running else f"the machine of {self.name} does not run"

    @property
    def told(self) -> list[str]:
        """What is waited for, each with its reason where one is known."""
        reasons = {one.name: f"{one.sync}, {one.health}" + (f": {one.problem}" if one.problem else "") for one in self.applications}
        reasons |= {one.name: one.problem for one in self.models if one.problem}
        return [f"{one} ({reasons[one]})" if one in reasons else one for one in self.waiting_for]


def read_regions(local: Local, programs: Mapping[str, Path]) -> list[RegionState]:
    """The state of every region, asked at the same time."""
    with ThreadPoolExecutor(max(1, len(local.regions))) as threads:
        asked = [threads.submit(_read_with_problems, local, name, programs) for name in local.regions]
        return [one.result() for one in asked]


def _read_with_problems(local: Local, name: str, programs: Mapping[str, Path]) -> RegionState:
    state, cluster = read_region(local, name, programs), cluster_of(local, name, programs)
    if not state.running:
        return state
    if not state.api_ready:  # which an ended certificate may be the reason of
        return replace(state, time_problems=tuple(time_problems(local, name)))
    return replace(state, proxies=read_proxies(cluster), time_problems=tuple(time_problems(local, name, cluster)))


def read_region(local: Local, name: str, programs: Mapping[str, Path]) -> RegionState:
    """The state of one region; of a region that is down everything is false and empty, and its models are unknown."""
    return read_region_through(cluster_of(local, name, programs), local, name)


def read_region_through(cluster: Kubernetes, local: Local, name: str) -> RegionState:
    """As `read_region`, by an API server that the caller knows how to ask."""
    running = local.machine(name).process() is not None
    memory_gib = round(cgroups.memory_bytes(local.instance, name) / 2**30, 2)
    observed = observe(cluster, local.whole, name) if running else None
    if observed is None:
        state = RegionState(name, running, False, {}, {}, memory_gib, (), ())
        return replace(state, models=unread_models(local.whole, name, f"unknown: {state.unreachable}"))
    nodes, applications, models = observed
    ready = {node.metadata.name: node.status.is_true("Ready") for node in nodes}
    return RegionState(
        name, running, True,
        {node.metadata.name: ready[node.metadata.name] for node in nodes if not node.is_fake},
        {node.metadata.name: ready[node.metadata.name] for node in nodes if node.is_fake},
        memory_gib, applications, models,
    )  # fmt: skip
