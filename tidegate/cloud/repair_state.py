"""What an engineer does to state by hand: find its store, make the bucket of a new region."""

from __future__ import annotations

from tidegate.cloud.account import Account, own_errors
from tidegate.cloud.state import StateStore, stores
from tidegate.errors import StateError, UsageError
from tidegate.facts.platform import Platform


def find_store(platform: Platform, account: Account, stack: str) -> tuple[StateStore, str]:
    """The state store that holds `stack` (`<cluster>-<stack>`), and its short name; `UsageError` for an unknown cluster."""
    by_cluster = stores(platform, account)
    cluster, _, short = stack.rpartition("-")
    if cluster not in by_cluster:
        raise UsageError(f"{stack} is no stack; write <cluster>-<stack> with one of {', '.join(sorted(by_cluster))}")
    return by_cluster[cluster], short


@own_errors()
def create_state_bucket(platform: Platform, account: Account, cluster: str) -> tuple[str, bool]:
    """Makes the bucket that a region's first `cdktf deploy` needs (decision 0012); its name, and False when it was there.

    Raises `StateError` when the credentials are another account's than the cluster's facts say.
    """
    facts = platform.clusters.get(cluster)
    if facts is None:
        raise UsageError(f"no cluster {cluster}; there are {', '.join(sorted(platform.clusters))}")
    store = stores(platform, account)[cluster]
    ours = store.clients.sts.get_caller_identity()["Account"]
    if ours != facts.account_id:
        raise StateError(f"the credentials are account {ours}'s, {cluster} belongs to {facts.account_id}; change the credentials")
    return store.bucket, store.ensure_bucket()
