"""The whole attack on the running regions: who attacks whom in which order, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tidegate.attack import pods
from tidegate.attack.cells import Cell, Report
from tidegate.attack.region_attack import RegionAttack
from tidegate.embedded.fleet.bring_up import Local, cluster_of
from tidegate.errors import UsageError

OnProgress = Callable[[str, str], None]

REAL = (
    "requests, certificates and tokens; Envoy and Istio's policies, Knative's activator, Kubernetes' authorisation",
    "the closing of the sidecars' own ports, by the packet filter of each region's machine",
)
SIMULATED = (
    "NetworkPolicies are applied and not enforced here: kube-network-policies needs CONFIG_NFT_QUEUE, which this kernel lacks",
    "a cloud's metadata address: there is no cloud behind it",
)


def attack(
    local: Local, regions: Sequence[str], programs: Mapping[str, Path], models: Path, on_progress: OnProgress, *, source: str | None = None,
    target: str | None = None,
) -> Report:  # fmt: skip
    """Attacks in each region, from `source` (default: every tenant) to `target` (default: every tenant).

    `programs` names kubectl, `models` is the folder of trained models. Everything it makes is removed, whatever happens.
    Raises `UsageError` for an unknown tenant, `MachineError` for a region that is not up, `ToolError` when an attacker's
    pod does not start.
    """
    for name in (source, target):
        if name is not None and name not in local.platform.tenants:
            raise UsageError(f"no tenant {name!r}; there are {', '.join(sorted(local.platform.tenants))}")
    cells: list[Cell] = []
    skipped: list[str] = []
    for name in regions:
        known = frozenset(tenant.name for tenant in local.platform.tenants_of(name))
        cluster = cluster_of(local, name, programs)
        elsewhere = tuple(cluster_of(local, other, programs) for other in local.regions if other != name and local.machine(other).process())
        sources, targets = (known & {one} if one else known for one in (source, target))
        pods.remove(cluster)  # what a killed run left
        try:
            found, left_out = RegionAttack(local, cluster, elsewhere, name, models, sources, targets, on_progress).run()
        finally:
            pods.remove(cluster)
        cells += found
        skipped += left_out
    return Report(tuple(cells), tuple(regions), REAL, SIMULATED, tuple(skipped))
