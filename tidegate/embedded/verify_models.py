"""Verifies the example models: as trained on this machine, or in the registries of the running regions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.cloud.account import Account
from tidegate.embedded import emulator, example_models
from tidegate.embedded.model_index import read_index
from tidegate.embedded.signed_models import sign_registry
from tidegate.errors import UsageError
from tidegate.facts import inventory, names
from tidegate.facts.inventory.serving_pins import load_pins
from tidegate.repository.verify_models import buckets, verify_in_buckets
from tidegate.signing import review
from tidegate.signing.keys import embedded_signer, key_ids
from tidegate.tools.progress import OnProgress


def default_place(checkout: Checkout) -> str:
    """`regions` when their registry runs, else `trained`."""
    return "regions" if emulator.find_running(checkout) else "trained"


def registries(checkout: Checkout, place: str, on_progress: OnProgress) -> dict[str, review.Registry]:
    """Every registry of `place` (`trained` or `regions`), by its name. Raises `UsageError` when `place` does not run."""
    platform = inventory.load(checkout.root)
    if place == "trained":
        signed = sign_registry(example_models.train(checkout, on_progress), key_ids(platform), on_progress)
        return {"trained": review.Registry(review.in_folder(signed))}
    return buckets(platform, Account(_endpoint(checkout)))


def _endpoint(checkout: Checkout) -> str:
    running = emulator.find_running(checkout)
    if running is None:
        raise UsageError("the regions do not run; `tidegate up` starts them, or give --in trained")
    return running.endpoint


def verify_examples(
    checkout: Checkout, place: str, only: Collection[str], on_progress: OnProgress, *, root: Path | None = None
) -> Iterator[tuple[str, list[review.Checked]]]:
    """Verifies the named models (all without names) in every registry of `place` (`trained` or `regions`), with the registry's name.

    `root` holds the facts, by default those of the checkout. Raises `InventoryError` with a finding for each refused model, and `UsageError` when `place` does not run.
    """
    platform = inventory.load(root or checkout.root)
    trained = example_models.train(checkout, on_progress)
    ids, pins = key_ids(platform), load_pins(root or checkout.root)
    keys = {key_id: embedded_signer(key_id).public_pem() for key_id in sorted(set(ids.values()))}
    digests = {f"{names.MODEL_REGISTRY_URI}{version.path}": version.sha256 for version in read_index(trained)}
    if place == "trained":
        signed = sign_registry(trained, ids, on_progress)
        here = review.Registry(review.in_folder(signed))
        yield "trained", review.check_models(platform, keys, here, digests=digests, only=only, pins=pins)
        return
    yield from verify_in_buckets(platform, Account(_endpoint(checkout)), keys, digests, only, pins=pins)
