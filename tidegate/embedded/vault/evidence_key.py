"""The key that signs the evidence of gates: this machine's, which each region's Vault holds and signs with."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from tidegate.checkout import Checkout
from tidegate.embedded.fleet.bring_up import kubeconfig_path, open_local
from tidegate.embedded.fleet.machine_view import running_regions
from tidegate.embedded.fleet.reached import find_clusters
from tidegate.embedded.vault import vault_region
from tidegate.embedded.vault.vault_keys import TransitKey
from tidegate.facts import inventory
from tidegate.signing.evidence import EVIDENCE_KEY
from tidegate.tools.progress import OnProgress


@contextmanager
def region_key(checkout: Checkout, on_progress: OnProgress) -> Generator[TransitKey | None]:
    """The key in the Vault of the first region that runs here, as long as we are logged in there; None where none runs.

    Raises `MachineError` when that Vault does not answer or does not let us in.
    """
    platform = inventory.load(checkout.root)
    local = open_local(checkout, platform)
    running = sorted(running_regions(local))
    if not running:
        yield None
        return
    cluster = find_clusters(checkout, platform, running[:1], None, on_progress)[running[0]]
    with (
        vault_region.reach(kubeconfig_path(local, running[0])) as here,
        vault_region.logged_in(here, cluster, lambda text: on_progress(running[0], text)),
    ):
        yield TransitKey(EVIDENCE_KEY, here)
