"""The whole attack on the running regions: who attacks whom in which order, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.attack import pods
from tidegate.attack.attacked_region import AttackedRegion
from tidegate.attack.cells import Cell, Report
from tidegate.attack.region_attack import RegionAttack
from tidegate.errors import MachineError, UsageError
from tidegate.facts.platform import Platform
from tidegate.tools.progress import OnProgress

REAL = (
    "requests, certificates and tokens; Envoy and Istio's policies, Knative's activator, Kubernetes' authorisation",
    "the closing of the sidecars' own ports, by the packet filter of each region's machine",
)
SIMULATED = (
    "NetworkPolicies are applied and not enforced here: kube-network-policies needs CONFIG_NFT_QUEUE, which this kernel lacks",
    "a cloud's metadata address: there is no cloud behind it",
)


def attack(
    platform: Platform, regions: Sequence[AttackedRegion], chosen: Sequence[str], on_progress: OnProgress, *, source: str | None = None,
    target: str | None = None,
) -> Report:  # fmt: skip
    """Attacks in each `chosen` one of the platform's `regions`, from `source` (default: every tenant) to `target` (default: every tenant).

    Everything it makes is removed, whatever happens.
    Raises `UsageError` for an unknown tenant, `MachineError` for a region that is not up, `ToolError` when an attacker's
    pod does not start.
    """
    for name in (source, target):
        if name is not None and name not in platform.tenants:
            raise UsageError(f"no tenant {name!r}; there are {', '.join(sorted(platform.tenants))}")
    cells: list[Cell] = []
    skipped: list[str] = []
    by_name = {region.name: region for region in regions}
    for name in chosen:
        known = frozenset(tenant.name for tenant in platform.tenants_of(name))
        cluster = by_name[name].cluster
        if cluster is None:
            raise MachineError(f"{name} does not run; `tidegate up` brings the regions up")
        others = tuple(region for region in regions if region.name != name)
        sources, targets = (known & {one} if one else known for one in (source, target))
        pods.remove(cluster)  # what a killed run left
        try:
            found, left_out = RegionAttack(platform, by_name[name], cluster, others, sources, targets, on_progress).run()
        finally:
            pods.remove(cluster)
        cells += found
        skipped += left_out
    return Report(tuple(cells), tuple(chosen), REAL, SIMULATED, tuple(skipped))
