"""API servers to ask: of regions that run here, or of one by its kubeconfig."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build
from tidegate.embedded.fleet.bring_up import cluster_of, open_local
from tidegate.embedded.fleet.machine_view import running_regions
from tidegate.errors import MachineError, UsageError
from tidegate.facts.platform import Platform
from tidegate.live.kubernetes import Kubernetes
from tidegate.tools.progress import OnProgress


def find_clusters(
    checkout: Checkout, platform: Platform, regions: Sequence[str], kubeconfig: Path | None, on_progress: OnProgress
) -> dict[str, Kubernetes]:
    """The API server of each of `regions` (default: those that run here); `kubeconfig` is that of regions elsewhere.

    Raises `UsageError` for an unknown region and `MachineError` when one does not run here, or none.
    """
    if unknown := sorted(set(regions) - set(platform.clusters)):
        raise UsageError(f"no region {unknown[0]!r}; there are {', '.join(sorted(platform.clusters))}")
    programs = build(checkout, on_progress, ["kubectl"])
    if kubeconfig:
        return {region: Kubernetes(programs["kubectl"], kubeconfig) for region in regions}
    local = open_local(checkout, platform)
    running = running_regions(local)
    if missing := [region for region in regions if region not in running] or ([] if running else ["no region"]):
        runs = "does not run here" if regions else "runs here"
        raise MachineError(f"{missing[0]} {runs}; bring it up with `tidegate up`, or name its --kubeconfig")
    return {region: cluster_of(local, region, programs) for region in regions or running}
