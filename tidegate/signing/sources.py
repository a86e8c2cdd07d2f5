"""Where models and keys are found when somebody asks to verify: on this machine, in the running regions, in an account."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.cloud.account import Account
from tidegate.embedded import emulator, example_models
from tidegate.embedded.model_index import read_index
from tidegate.errors import InventoryError, UsageError
from tidegate.facts import inventory, names
from tidegate.facts.inventory.catalogue import FOLDER, KEYS, load_catalogue
from tidegate.facts.platform import Platform
from tidegate.facts.signature import ApprovedModel, Catalogue, approved
from tidegate.signing import committed, registry, review
from tidegate.signing.bundles import sign_catalogue
from tidegate.signing.keys import Signer, embedded_signer

OnProgress = Callable[[str, str], None]


def default_place(checkout: Checkout) -> str:
    """`regions` when their registry runs, else `trained`."""
    return "regions" if emulator.find_running(checkout) else "trained"


def verify_all(
    checkout: Checkout, place: str, only: Collection[str], on_progress: OnProgress
) -> Iterator[tuple[str, list[review.Checked]]]:
    """Verifies the named models (all without names) in every registry of `place`, with the registry's name.

    Raises `InventoryError` with a finding for each refused model or list, and `UsageError` when `place` does not run.
    """
    platform = inventory.load(checkout.root)
    if place == "account":
        recorded = load_catalogue(checkout.root)
        if findings := committed.check_catalogue(checkout.root, platform, recorded):
            raise InventoryError(findings)
        yield from _in_buckets(platform, Account(None), recorded.keys, {}, only)
        return
    trained = example_models.train(checkout, on_progress)
    ids = registry.key_ids(platform)
    keys = {key_id: embedded_signer(key_id).public_pem() for key_id in sorted(set(ids.values()))}
    digests = {f"{names.MODEL_REGISTRY_URI}{version.path}": version.sha256 for version in read_index(trained)}
    if place == "trained":
        signed = registry.sign_registry(trained, ids, on_progress)
        yield "trained", review.check_models(platform, keys, review.in_folder(signed), digests=digests, only=only)
        return
    running = emulator.find_running(checkout)
    if running is None:
        raise UsageError("the regions do not run; `tidegate up` starts them, or give --in trained")
    yield from _in_buckets(platform, Account(running.endpoint), keys, digests, only)


def write_catalogue(
    checkout: Checkout, tenant: str, signer: Callable[[str], Signer], retired: Collection[str]
) -> tuple[Path, Sequence[ApprovedModel]]:
    """Writes a tenant's signed list and its public key into the checkout; returns the file and what it lists.

    Earlier entries stay, except `retired`. Raises `UsageError` for a tenant that does not exist, one whose models name several
    keys, and a version that is served and retired at once.
    """
    platform = inventory.load(checkout.root)
    if tenant not in platform.tenants:
        raise UsageError(f"{tenant} is no tenant; the tenants are {', '.join(sorted(platform.tenants))}")
    ids = registry.key_ids(Platform(platform.clusters, {tenant: platform.tenants[tenant]}))
    if tenant not in ids:
        raise UsageError(f"tenant {tenant} serves no model")
    before = load_catalogue(checkout.root)
    named = {entry.model for entry in approved([platform.tenants[tenant]], Catalogue())}
    if served := sorted(set(retired) & named):
        raise UsageError(f"{served[0]} is what the tenant's file names; serve another version first")
    kept = [entry for entry in approved([platform.tenants[tenant]], before) if entry.model not in retired]
    chosen = signer(ids[tenant])
    listed = tuple(kept)
    path = checkout.root / FOLDER / f"{tenant}.json"
    (checkout.root / KEYS).mkdir(parents=True, exist_ok=True)
    (checkout.root / KEYS / f"{ids[tenant]}.pem").write_text(chosen.public_pem(), encoding="utf-8")
    path.write_bytes(sign_catalogue(Catalogue(models=listed), tenant, chosen) + b"\n")
    return path, listed


def as_row(checked: review.Checked) -> dict[str, object]:
    """For a table or a JSON answer."""
    return asdict(checked)


def _in_buckets(
    platform: Platform, account: Account, keys: Mapping[str, str], digests: Mapping[str, str], only: Collection[str]
) -> Iterator[tuple[str, list[review.Checked]]]:
    for bucket, client in sorted(example_models.registries_of(platform, account).items()):
        yield bucket, review.check_models(platform, keys, review.in_bucket(client, bucket), digests=digests, only=only)
